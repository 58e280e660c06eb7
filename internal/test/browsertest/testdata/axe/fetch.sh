#!/bin/sh
# Fetches axe-core, which the browser tests use, again and checks SHA256SUMS. To
# take another version, change it here and update the sums.
set -eu
cd "$(dirname "$0")"

package=axe-core
version=4.10.2
registry=$(npm config get registry)

curl -fsSL "${registry%/}/$package/-/$package-$version.tgz" | tar -xzf - --strip-components=1 package/axe.min.js package/LICENSE
sha256sum -c SHA256SUMS
mv LICENSE axe.LICENSE
gzip -9nf axe.min.js
