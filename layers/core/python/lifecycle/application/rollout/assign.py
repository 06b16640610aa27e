"""A person takes a question upon themselves, so that others see that somebody is on it.

Called by application/rollout/decide.py. It answers nothing, and the rollout does not read it.
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.decision import Answer, Assignment, Question, open_questions


def assign(context: Context, cluster: Cluster, name: str, asked: Answer, shown: str = "") -> Question:
    """Record who is on the question `shown`, else on the most urgent one; raises Unknown, Refused.

    Another person may take it over; the audit log has both.
    """
    current = observe.deployment(context, cluster, name)
    questions = context.deployments.questions(name)
    open_ = open_questions(current, questions)
    found = next((q for q in (questions if shown else open_) if shown in ("", q.id)), None)
    facts = ActionFacts(asked.at, cluster, deployment=current, questions=questions, question=found)
    refusals = permission(Action.ASSIGN, facts).refusals
    if found is None or refusals:
        raise Refused(f"the assignment of {shown or name}", refusals)
    before = f"; {found.assigned.by} was on it" if found.assigned and found.assigned.by != asked.by else ""
    why = f"{asked.why}{before}".removeprefix("; ")
    context.record(cluster, f"is on {found.id}", asked.by, why, deployment=name, host=found.host)
    return context.deployments.assign(found, Assignment(asked.by, asked.at))
