# bash completion for demofs
_demofs() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} options
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "init mount unmount status info check salvage fork key passwd help --help --version" -- "$current")
        return
    fi
    case $before in
        --password-file | --key-file | --new-password-file | --new-key-file | --log-file | --teardown-report | --teardown-trace | --teardown-graph)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
        --cipher)
            mapfile -t COMPREPLY < <(compgen -W "aes-256-gcm chacha20-poly1305" -- "$current")
            return ;;
        --log-level)
            mapfile -t COMPREPLY < <(compgen -W "trace debug info warn error off" -- "$current")
            return ;;
        --password-command | --new-password-command | --name | --kdf-seconds | --idle | --wait | --timeout | --teardown-timeout | --cache-mib | --tree-cache-mib | \
            --dirty-mib | --commit-interval-ms | --store-fault | -o)
            return ;;
    esac
    case $command in
        init) options="--password-file --password-command --key-file --cipher --recovery-key --kdf-seconds --weak-key-derivation --help" ;;
        mount) options="--password-file --password-command --key-file --foreground --read-only --history --accept-fork --accept-rollback --allow-other --noexec -o
                        --idle --cache-mib --tree-cache-mib --dirty-mib --commit-interval-ms --wait --teardown-timeout
                        --teardown-report --teardown-trace --teardown-graph --store-fault --log-file --log-level --help" ;;
        unmount) options="--lazy --flush --timeout --verbose --json --help" ;;
        status) options="--watch --json --help" ;;
        info) options="--password-file --password-command --key-file --unlock --help" ;;
        check) options="--password-file --password-command --key-file --read-data --json --help" ;;
        salvage) options="--password-file --password-command --key-file --history --json --help" ;;
        fork) options="--password-file --password-command --key-file --json --help" ;;
        key) options="--password-file --password-command --key-file --new-password-file --new-password-command --new-key-file
                      --recovery-key --name --kdf-seconds --weak-key-derivation --json --help" ;;
        passwd) options="--password-file --password-command --key-file --new-password-file --new-password-command --help" ;;
        help) options="init mount unmount status info check salvage fork key --help" ;;
    esac
    if [[ $command == fork && $COMP_CWORD == 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list accept" -- "$current")
    elif [[ $command == key && $COMP_CWORD == 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list add change remove" -- "$current")
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
