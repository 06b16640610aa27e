"""`--peers`: the same rollout by other tools, on hosts of their own behind the same load balancer.

fleet.py makes the hosts, tools.py runs each tool, comparison.py measures them and Lifecycle, and table.py prints
the result. steps.py, script.py, pyinfra_*.py, ansible.yml and capistrano.rb are the rollouts themselves.
"""
