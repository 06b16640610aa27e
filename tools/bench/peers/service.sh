#!/bin/sh
# A host's init system, for the peers: `service.sh start` and `service.sh stop`. fleet.py copies it to each host.
home=$(dirname "$0")
case $1 in
  start)
    cd "$home/current" || exit 1
    set -a
    . "$home/environment"
    LIFECYCLE_VERSION=$(basename "$(pwd -P)")
    setsid /bin/sh -c "$COMMAND" >> "$home/service.log" 2>&1 < /dev/null &
    echo $! > "$home/service.pid"
    ;;
  stop)
    read -r pid < "$home/service.pid"
    kill -TERM "$pid"
    # An ended process stays a zombie where process 1 reaps none.
    while read -r state 2> /dev/null < "/proc/$pid/stat"; do
      case $state in *") Z "*) break ;; esac
      sleep 0.005
    done
    ;;
esac
