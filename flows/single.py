"""One stage by itself, without Prefect: the same steps of the same plan."""

from collections.abc import Iterator, Sequence

from flows.console import ConsoleReporter
from pipeline_lib.errors import DataError
from pipeline_lib.plan.data import DataPlan, plan_data, plan_sealed_data
from pipeline_lib.settings import Settings
from pipeline_lib.state import Workspace
from pipeline_lib.work import Step, missing, run_step
from tasks.night import Night, open_night, report_to
