# Shell functions shared by scripts/*: messages, building a preset, and finding mounts. Sourced, never run.
#
# Sets repo_root (absolute, symlinks resolved) and nothing else. Needs bash; callers use `set -euo pipefail`.

repo_root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [[ -t 1 ]]; then
    bold=$'\e[1m' plain=$'\e[0m'
else
    bold='' plain=''
fi

# A progress line, on stdout.
say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

# Ends the script with one clear sentence on stderr.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# How many compilers at once: one a core, but no more than memory carries (a coroutine-heavy file takes 1.5 GiB).
compile_jobs() {
    local cores memory_kib by_memory
    cores=$(nproc)
    memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
    by_memory=$((memory_kib / (1536 * 1024)))
    if ((by_memory < 1)); then by_memory=1; fi
    echo $((cores < by_memory ? cores : by_memory))
}

# build_preset PRESET [TARGET…]: configures and builds one of CMakePresets.json, everything if no target is named.
# Compiler output is shown; ccache is used when it is installed; the array configure_options, if there is one, goes to
# the configuration. The result is in build/PRESET.
build_preset() {
    local preset=$1
    shift
    local -a configure=(cmake --preset "$preset" "${configure_options[@]}") build=(cmake --build --preset "$preset" -j "$(compile_jobs)")
    if command -v ccache >/dev/null; then
        configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    if (($# > 0)); then
        build+=(--target "$@")
    fi
    (cd "$repo_root" && "${configure[@]}" && "${build[@]}") || return 1
}

# True if the preset is built with clang, which scripts/install_deps installs only with --all.
preset_needs_clang() { [[ $1 == *clang* || $1 == asan-* || $1 == tsan ]]; }

# mounts_under DIRECTORY: prints the mount points at or below it, deepest first, one a line. Reads only
# /proc/self/mountinfo, so that a dead or hanging mount cannot block it.
mounts_under() {
    local directory=$1 mount_point
    # Field 5 is the mount point, with blanks and newlines written as octal escapes.
    awk '{print $5}' /proc/self/mountinfo | while read -r mount_point; do
        mount_point=$(printf '%b' "${mount_point//\\/\\0}")
        if [[ $mount_point == "$directory" || $mount_point == "$directory"/* ]]; then
            printf '%s\n' "$mount_point"
        fi
    done | awk '{print length, $0}' | sort -rn | cut -d' ' -f2-
}

# detach_mount DIRECTORY: takes a FUSE mount away at once, as root or as its owner; files still open stay
# usable until they are closed. For cleaning up only: what the daemon has not written yet is its own affair.
detach_mount() {
    if ((EUID == 0)); then
        umount --lazy -- "$1" 2>/dev/null || fusermount3 -u -z -- "$1" 2>/dev/null
    else
        fusermount3 -u -z -- "$1" 2>/dev/null
    fi
}
