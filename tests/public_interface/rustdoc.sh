#!/bin/sh
# Lets the rustdoc of a stable toolchain write JSON. If cargo had the variable, it would build all dependencies again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
