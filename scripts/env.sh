# Sourced by the other scripts: where the project is, which tools come first, how to say things.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
cd "$ROOT"

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$@" >&2; }
die() {
    warn "$@"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# at_least 1.88 1.95.0: is the second version no older than the first?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

# The oldest Rust that builds us: `rust-version` in Cargo.toml.
rust_needed() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml"; }

# The version of the cargo at $1, or 0.
cargo_version() {
    local version
    version=$("$1" --version 2>/dev/null) && [[ $version =~ ^cargo\ ([0-9.]+) ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 0
}

cargo_is_new_enough() { at_least "$(rust_needed)" "$(cargo_version "$1")"; }

# Vite 8 wants Node 20.19, 22.12 or anything later.
node_is_new_enough() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    case $version in
        21.*) return 1 ;;
        22.*) at_least 22.12 "$version" ;;
        *) at_least 20.19 "$version" ;;
    esac
}

# Tools of our own come first. A cargo in the home directory that is too old gives way to the system's when that one will do.
find_tools() {
    [ -x "$TOOLS/node/bin/node" ] && PATH=$TOOLS/node/bin:$PATH
    if ! cargo_is_new_enough cargo && [ -x /usr/bin/cargo ] && cargo_is_new_enough /usr/bin/cargo; then
        PATH=/usr/bin:$PATH
    fi
    export PATH
    if [ -x "$TOOLS/python/bin/python" ]; then export COUCHKEY_PYTHON=$TOOLS/python/bin/python; fi
}

# Where cargo puts what it builds: one directory and one profile for the app and all tests (docs/decisions/0050).
built() { printf '%s/debug' "${CARGO_TARGET_DIR:-$ROOT/target}"; }

# debian, fedora, arch, macos, windows or other.
system() {
    case $(uname -s) in
        Darwin) say macos && return ;;
        MINGW* | MSYS* | CYGWIN*) say windows && return ;;
    esac
    local ID='' ID_LIKE=''
    # shellcheck source=/dev/null
    [ -r /etc/os-release ] && . /etc/os-release
    case " $ID $ID_LIKE " in
        *" debian "* | *" ubuntu "*) say debian ;;
        *" fedora "* | *" rhel "*) say fedora ;;
        *" arch "*) say arch ;;
        *) say other ;;
    esac
}

has_display() { [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname -s)" != Linux ]; }

find_tools
