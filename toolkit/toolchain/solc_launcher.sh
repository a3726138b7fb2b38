#!/bin/sh
# Native solc's command line, served through Node; l2kit writes this script, and again where it differs.
# --version is answered here: py-solc-x asks before every compilation, and loading WebAssembly takes half a second.
if [ "$*" = --version ]; then
    printf '%s\n' 'solc, the solidity compiler commandline interface' 'Version: @VERSION@'
    exit 0
fi
exec @COMMAND@ "$@"
