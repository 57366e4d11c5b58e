#!/usr/bin/env bash
# need.sh HEADER PACKAGE: installs the Debian package unless its header is there.
set -euo pipefail

[ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ] && exit
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo apt-get install -y -qq "$2"
