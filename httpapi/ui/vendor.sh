#!/bin/sh
# Fetches the chart library of the dashboard again and checks vendor/SHA256SUMS.
# To take another version, change it here and update the sums.
set -eu
cd "$(dirname "$0")/vendor"

package=uplot
version=1.6.32
registry=$(npm config get registry)

curl -fsSL "${registry%/}/$package/-/$package-$version.tgz" | tar -xzf - --strip-components=1 package/dist/uPlot.esm.js package/dist/uPlot.min.css package/LICENSE
mv dist/uPlot.esm.js dist/uPlot.min.css .
mv LICENSE uPlot.LICENSE
rmdir dist
sha256sum -c SHA256SUMS
