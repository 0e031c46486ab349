"""What Nightshift does, without Prefect."""

from pipeline_lib.base.environment import prepare

prepare()
