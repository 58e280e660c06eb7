#!/bin/sh
# Installs what the tests need and the machine lacks: a C compiler, for the
# race detector, redis-server, and Chromium, for the tests of the dashboard. The tests start their own Redis; one that
# the package starts as a service is neither used nor stopped.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install() { # install WHAT APT DNF ELSE-DNF BREW: what its package is called where
	echo "installing $1" >&2
	if have apt-get; then
		as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
	elif have dnf; then
		as_root dnf install -y -q "$3" || as_root dnf install -y -q "$4"
	elif have brew; then
		brew install --quiet "$5"
	else
		echo "no apt-get, dnf or brew here: please install $1, then run make test again" >&2
		exit 1
	fi
}

have_cc() { have cc || have gcc || have clang; }
have_redis() { have redis-server || have valkey-server; }

have_cc || install "a C compiler" gcc gcc clang gcc
have_cc || { echo "no C compiler: go test -race needs one" >&2; exit 1; }

have_redis || install redis-server redis-server redis valkey redis
have_redis || { echo "no redis-server: the tests of the Redis backends need one" >&2; exit 1; }

have_chromium() { have chromium || have chromium-browser || have google-chrome || [ -d "/Applications/Chromium.app" ]; }

have_chromium || install Chromium chromium chromium chromium-headless chromium
have_chromium || { echo "no Chromium: the tests of the dashboard need one" >&2; exit 1; }
