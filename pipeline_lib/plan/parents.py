"""stub"""

from typing import Any

Line: Any = None
line_of: Any = None
