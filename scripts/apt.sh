# Sourced by the scripts that install Debian and Ubuntu packages. Silent and quick when nothing is missing.
# shellcheck shell=bash

# Installs those of the named packages that are missing.
apt_install() {
    local missing
    mapfile -t missing < <(not_installed "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing ${missing[*]}"
    apt_update_once
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o DPkg::Lock::Timeout=300 \
        --no-install-recommends "${missing[@]}" >/dev/null
}

not_installed() {
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    comm -23 <(printf '%s\n' "$@" | sort -u) <(sed -n 's/^installed //p' <<<"$installed" | sort -u)
}

apt_update_once() {
    [ -z "${APT_UPDATED:-}" ] || return 0
    as_root apt-get update -qq -o DPkg::Lock::Timeout=300
    APT_UPDATED=yes
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "This needs the administrator. Please run as root:" "  $*"
    fi
}
