"""The laptop's console: a page on loopback that shows the CloudWatch dashboard `lifecycle` as CloudWatch does.

__main__.py       starts it
server.py         HTTP: the page's files, its calls, and the security headers
guard.py          the checks of Host, Origin and token
static_files.py   the page's own files (static/)
api.py            the page's calls: the dashboard, its functions, metrics, alarms
dashboard.py      the dashboard's body: its widgets, and the functions that they name
metric_widget.py  the metrics that a metric widget draws
ports.py          the calls to AWS; aws.py makes them with the operator's own credentials
"""
