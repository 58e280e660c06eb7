#!/bin/sh
# Installs what the tests need and the machine lacks: a C compiler, for the
# race detector.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install() { # install WHAT: the package is called the same everywhere
	echo "installing $1" >&2
	if have apt-get; then
		as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
	elif have dnf; then
		as_root dnf install -y -q "$1"
	elif have brew; then
		brew install --quiet "$1"
	else
		echo "no apt-get, dnf or brew here: please install $1, then run make test again" >&2
		exit 1
	fi
}

have cc || have gcc || have clang || install gcc
have gcc || have clang || have cc || { echo "no C compiler: go test -race needs one" >&2; exit 1; }
