#!/usr/bin/env bash
# Installs the Debian packages that test/system and test/backends need, where one is missing. Fails where it cannot:
# a missing tool is a failure, never a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
lists=(test/system/debian-packages test/backends/debian-packages)
mapfile -t packages < <(grep -hv '^#' "${lists[@]}" | sort -u)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
echo "system packages: ${packages[*]}"
