#!/bin/sh
# Install bedtools by the system's package manager where that is permitted; otherwise say in one line what to type.
if [ "$(id -u)" = 0 ]; then
  if command -v apt-get >/dev/null; then
    { apt-get install -y -qq bedtools || { apt-get update -qq && apt-get install -y -qq bedtools; }; } >/dev/null 2>&1
  elif command -v dnf >/dev/null; then dnf install -y -q BEDTools >/dev/null 2>&1
  elif command -v apk >/dev/null; then apk add -q bedtools >/dev/null 2>&1
  fi
elif command -v brew >/dev/null; then brew install -q bedtools >/dev/null 2>&1
fi
command -v bedtools >/dev/null && exit 0
echo "bedtools is missing and the tests need it: sudo apt-get install bedtools, brew install bedtools, or conda install -c bioconda bedtools" >&2
exit 1
