#!/bin/sh
# Fetches the chart library of the dashboard again and checks vendor/SHA256SUMS.
# To take another version, change it here and update the sums.
set -eu
cd "$(dirname "$0")/vendor"

package=uplot
version=1.6.32
registry=$(npm config get registry)

curl -fsSL "${registry%/}/$package/-/$package-$version.tgz" | tar -xzf - --strip-components=1 package/dist/uPlot.iife.min.js package/dist/uPlot.min.css package/LICENSE
# The module of the package is three times as large.
{ cat dist/uPlot.iife.min.js; echo 'export default uPlot;'; } > uPlot.min.js
rm dist/uPlot.iife.min.js
mv dist/uPlot.min.css .
mv LICENSE uPlot.LICENSE
rmdir dist
sha256sum -c SHA256SUMS
