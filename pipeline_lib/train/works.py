"""stub"""

from typing import Any

train_work: Any = None
