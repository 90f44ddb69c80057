#!/bin/sh
# Run one role of the product: web, beat, worker-orders, worker-collect, worker-default, worker-lab,
# prepare; anything else is a manage.py command.
set -eu

worker() {
    name=$1 queues=$2
    shift 2
    exec python -m celery --quiet -A ohmycoins worker -l WARNING -Q "$queues" -n "$name@%h" --prefetch-multiplier 1 "$@"
}

# What an earlier run of this container was counting; other containers count in the same place.
if [ -d "${PROMETHEUS_MULTIPROC_DIR:-}" ]; then
    find "$PROMETHEUS_MULTIPROC_DIR" -name "*_$(hostname)-*.db" -delete
fi

# The default queue has two: one may wait for who is alerted, and the brakes must not.
role=${1:-web}
case "$role" in
    web)
        exec python -m gunicorn ohmycoins.wsgi --config python:ohmycoins.local.gunicorn \
            --bind "${OMC_HOST:-127.0.0.1}:${OMC_PORT:-8000}" ;;
    beat) exec python -m celery --quiet -A ohmycoins beat --pidfile= -l WARNING ;;
    worker-orders) worker orders orders,decisions -c "${WORKER_PROCESSES:-2}" ;;
    worker-collect) worker collect collect -P threads -c "${COLLECT_THREADS:-8}" ;;
    worker-default) worker default default -c "${WORKER_PROCESSES:-2}" ;;
    worker-lab) worker lab lab -c "${WORKER_PROCESSES:-1}" ;;
    *) exec python manage.py "$@" ;;
esac
