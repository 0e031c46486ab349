"""What wikis show beside their text, or leave of their mark-up: `[edit]`, `[citation needed]`, `{{cite web|...}}`.

Templates are known by name: `{{ user.name }}` and `{{a}_b}` are code and mathematics. Numbers of notes (`[1]`) stay:
nothing tells them from an index.
"""

import re

from pipeline_lib.clean.steps.step import each_text, settled

_NOTES = (
    r"edit|edit source|hide|show|citation needed|clarification needed|who\?|when\?|where\?|by whom\?"
    "|编辑|编辑源代码|編輯|編輯原始碼|来源请求|來源請求|需要解释|隐藏|显示|编辑本段|查证请求"
)
_BARE = "citation needed|dead link|reflist|authority control|来源请求|來源請求|参考资料|參考資料|消歧义|链接失效"
_FILLED = (
    "cite(?: [a-z]+)?|citation|fact|webarchive|refn|efn|sfn|main|see also|further|infobox[^|{}]*|navbox"
    "|short description|use (?:dmy|mdy) dates|coord|portal|commons category|主条目|主條目|参见|參見"
)
_FOUND = re.compile(rf"(?i)\[(?:{_NOTES})\]|\{{\{{(?:(?:{_BARE})|(?:{_BARE}|{_FILLED})\|[^{{}}]{{0,3000}})\}}\}}")

STEP = each_text(
    "wiki_residue.v1",
    "`[edit]`, `[citation needed]` and templates of wikis by name go, Chinese ones too; `[1]` and `{{ x }}` stay",
    rf"(?i)\[(?:{_NOTES})\]|\{{\{{(?:{_BARE}|{_FILLED})[|}}]",
    settled(lambda text: _FOUND.sub("", text)),  # templates stand in each other: the inner ones go first
)
