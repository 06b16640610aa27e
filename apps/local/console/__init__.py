"""The laptop's console: a page on loopback that hosts the CloudWatch dashboard `lifecycle` as CloudWatch does.

__main__.py    starts it
server.py      HTTP: one answer a request, bounded bodies, the headers that browsers obey
guard.py       who may ask: Host, Origin, token
page.py        the page's own files (static/)
calls.py       what the page may ask for: the dashboard, its functions, metrics, alarms
dashboard.py   the dashboard's body: which widgets, which functions they name
metrics.py     a metric widget's shorthand → the metrics that it draws
ports.py       what is asked of AWS; aws.py asks it with the operator's own credentials
"""
