#!/bin/sh
# Native solc's command line over npm's solc; written by l2kit, which rewrites it when it differs.
# --version is answered here: py-solc-x asks before every compilation, and loading WebAssembly takes half a second.
case "$*" in
--version)
    printf '%s\n' 'solc, the solidity compiler commandline interface' 'Version: @VERSION@'
    exit 0
    ;;
esac
exec @NODE@ @LAUNCHER@ @SOLC@ "$@"
