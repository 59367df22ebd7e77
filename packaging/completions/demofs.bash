# bash completion for demofs
_demofs() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} options
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "init mount unmount status info check fork help --help --version" -- "$current")
        return
    fi
    case $before in
        --password-file | --log-file | --teardown-report | --teardown-trace | --teardown-graph)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
        --cipher)
            mapfile -t COMPREPLY < <(compgen -W "aes-256-gcm chacha20-poly1305" -- "$current")
            return ;;
        --log-level)
            mapfile -t COMPREPLY < <(compgen -W "trace debug info warn error off" -- "$current")
            return ;;
        --password-command | --idle | --wait | --timeout | --teardown-timeout | --cache-mib | --tree-cache-mib | \
            --dirty-mib | --commit-interval-ms | --store-fault | -o)
            return ;;
    esac
    case $command in
        init) options="--password-file --password-command --cipher --weak-key-derivation --help" ;;
        mount) options="--password-file --password-command --foreground --read-only --history --accept-fork --accept-rollback --allow-other --noexec -o
                        --idle --cache-mib --tree-cache-mib --dirty-mib --commit-interval-ms --wait --teardown-timeout
                        --teardown-report --teardown-trace --teardown-graph --store-fault --log-file --log-level --help" ;;
        unmount) options="--lazy --flush --timeout --verbose --json --help" ;;
        status) options="--watch --json --help" ;;
        info) options="--password-file --password-command --unlock --help" ;;
        check) options="--password-file --password-command --read-data --json --help" ;;
        fork) options="--password-file --password-command --json --help" ;;
        help) options="init mount unmount status info check fork --help" ;;
    esac
    if [[ $command == fork && $COMP_CWORD == 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list accept" -- "$current")
    elif [[ $current == -* || $command == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ $command == unmount || $command == status ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(awk '$3 == "fuse.demofs" { print $2 }' /proc/mounts | compgen -W "$(cat)" -- "$current")
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
    fi
}
complete -F _demofs demofs
