"""Full-width letters and digits become ASCII, and so do signs between two of them: `ｗｗｗ．ｅｘ．ｏｒｇ`, `１－２`.

NFKC would do the same to ，。！？：（）, which are right in Chinese, and would unmake ², ½, ㎡ and ﬁ. So letters and
digits alone are taken, which differ from ASCII in nothing but width (Unicode Annex 11), and of the signs those that
Chinese and Japanese do not use as punctuation, where they join what is Latin on both sides.
"""

import re

from pipeline_lib.clean.steps.step import each_text

_WIDE = "０-９Ａ-Ｚａ-ｚ"
_JOINTS = "．－／＠＿＋＝＆＃％"
_LATIN = f"[0-9A-Za-z{_WIDE}]"
_FOUND = re.compile(f"[{_WIDE}]+|(?<={_LATIN})(?:：／／|[{_JOINTS}]+)(?={_LATIN})")
_PLAIN = {0xFEE0 + code: code for code in range(0x21, 0x7F)}

STEP = each_text(
    "full_width.v1",
    "full-width letters and digits become ASCII, and signs that join them; Chinese punctuation stays",
    f"[{_WIDE}{_JOINTS}]",
    lambda text: _FOUND.sub(lambda found: found[0].translate(_PLAIN), text),
    is_beyond_ascii=True,
)
