# SPDX-License-Identifier: Apache-2.0
# Completion of df-ctl for bash: commands, options, and names that the daemon knows.

_df_ctl_names() {
    # shellcheck disable=SC2086 # the option and its argument are two words
    df-ctl $1 --json "${@:2}" 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",\{0,1\}$/\1/p'
}

_df_ctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='show ports networks routers underlay chassis secgroup table flows conn workers drops apps trace wait log-level version'
    local command='' socket='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket)
            socket="--socket ${COMP_WORDS[i + 1]}"
            ((i++))
            ;;
        --limit | --port | --addr | --proto | --state | --by) ((i++)) ;;
        -*) ;;
        *) command=${command:-${COMP_WORDS[i]}} ;;
        esac
    done
    case $previous in
    -s | --socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --port)
        mapfile -t COMPREPLY < <(compgen -W "$(_df_ctl_names "$socket" ports)" -- "$current")
        return
        ;;
    --proto)
        mapfile -t COMPREPLY < <(compgen -W 'tcp udp icmp icmp6 sctp udplite dccp' -- "$current")
        return
        ;;
    --state)
        local states='established tcp_syn_sent tcp_syn_recv tcp_established tcp_fin_wait tcp_close_wait tcp_last_ack
            tcp_time_wait tcp_close tcp_syn_sent2 tcp_picked_up udp_single udp_stream icmp icmp_replied
            sctp_closed sctp_cookie_wait sctp_cookie_echoed sctp_established sctp_shutdown_sent
            sctp_shutdown_recd sctp_shutdown_ack_sent sctp_heartbeat_sent other other_replied'
        mapfile -t COMPREPLY < <(compgen -W "$states" -- "$current")
        return
        ;;
    --by)
        mapfile -t COMPREPLY < <(compgen -W 'port proto state packets bytes' -- "$current")
        return
        ;;
    --addr | --limit) return ;;
    esac
    if [[ $current == -* ]]; then
        local options='--socket --json --watch --help'
        case $command in
        drops) options+=' --all' ;;
        flows) options+=' --limit' ;;
        conn) options+=' --port --addr --proto --state --by --limit --all' ;;
        wait) options+=' --version --timeout --programmed' ;;
        '') options+=' --version' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        return
    fi
    case $command in
    '') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current") ;;
    table) mapfile -t COMPREPLY < <(compgen -W "$(_df_ctl_names "$socket" table)" -- "$current") ;;
    conn) mapfile -t COMPREPLY < <(compgen -W 'list count top delete' -- "$current") ;;
    secgroup) mapfile -t COMPREPLY < <(compgen -W "$(_df_ctl_names "$socket" secgroup)" -- "$current") ;;
    wait) mapfile -t COMPREPLY < <(compgen -W "$(_df_ctl_names "$socket" ports)" -- "$current") ;;
    trace)
        if [[ $previous == trace ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_df_ctl_names "$socket" ports)" -- "$current")
        else
            compopt -o nospace
            mapfile -t COMPREPLY < <(compgen -W 'icmp, tcp, udp, sctp, udplite, dccp, arp, icmp6, tcp6, udp6, sctp6, udplite6, dccp6,' -- "$current")
        fi
        ;;
    log-level) mapfile -t COMPREPLY < <(compgen -W 'error warning info debug' -- "$current") ;;
    esac
}

complete -F _df_ctl df-ctl
