"""Lines that pages of one language share: notices, bars, prompts. This is version 1; a changed list is version 2.

Each is a regular expression that RE2 and Python read alike, in any case of letters, for a line of at most MOST_CHARS.
A sentence of a law, a manual or a report on cookies is none: what a pattern leaves open is short, or stands behind
words that speak to a visitor.
"""

MOST_CHARS = 160


def _bar(words: str, between: str = r"[ ,，、|/·•]+") -> str:
    """At least two such words beside each other."""
    return f"(?:{words})(?:{between}(?:{words}))+"


_SITES = "facebook|twitter|linkedin|pinterest|whatsapp|reddit|telegram|tumblr|e-?mail|print|copy link|weibo|wechat"
_TO = r"(?:improve|enhance|ensure|personali[sz]e|provide|offer|give you|make sure|analy[sz]e|optimi[sz]e|deliver)"

ENGLISH = (
    # consent
    r"(?:this|our) (?:web ?)?site uses cookies.*",
    rf"we (?:and our partners )?use cookies (?:to {_TO}|on (?:this|our) (?:web ?)?site)\b.*",
    r"by (?:continuing|using|visiting|browsing) .*\byou .*\bcookies?\b.*",
    r"(?:accept|reject|allow|manage) (?:all )?cookies",
    r"cookie (?:policy|settings|preferences|notice|consent)",
    r"privacy (?:policy|notice|statement)",
    r"terms (?:of (?:use|service)|(?:and|&) conditions)",
    # rights
    r"(?:copyright|©|\( ?c ?\)).* all rights reserved.{0,40}",
    r"(?:copyright )?(?:©|\( ?c ?\)|copyright) ?(?:19|20)[0-9]{2}[^.!?]{0,60}",
    r"all rights reserved\.?",
    # share bars
    rf"(?:share|tweet|pin) this(?: (?:article|post|page|story))?(?: (?:on|via|to|with) (?:{_SITES}))?:?",
    rf"(?:share|tweet|pin) (?:on|via|to|with) (?:{_SITES})",
    rf"(?:share:? )?{_bar(_SITES)}",
    # prompts
    r"(?:click here to )?subscribe (?:to|for) our .{0,40}newsletter.{0,40}",
    r"sign up (?:for|to) (?:our|the) .{0,40}newsletter.{0,40}",
    rf"follow us on (?:{_SITES}|instagram|youtube).{{0,60}}",
    r"skip to (?:main )?content",
    r"(?:back|return) to (?:the )?top",
    r"leave a (?:comment|reply)",
    r"(?:log|sign) in (?:to|or register to) (?:post|leave|add) (?:a )?comments?",
    r"(?:related|recommended|popular|recent|more) (?:posts|articles|stories|news):?",
    r"(?:advertisement|sponsored content|story continues below(?: advertisement)?)",
    r"(?:please )?(?:enable|turn on) javascript (?:in your browser|to (?:view|use|continue|see)).{0,60}",
    r"(?:previous|next) (?:post|article|page)",
)

_CHINESE_SITES = "微信|微博|新浪微博|朋友圈|qq|qq空间|腾讯微博|豆瓣|facebook|twitter"
_ACTIONS = "打印|列印|收藏|举报|关闭|点赞|分享|评论|复制链接|返回顶部"
_PAGES = "隐私政策|隱私政策|用户协议|服务条款|使用条款|免责声明|关于我们|联系我们|网站地图"
_LEAVE = "(?:本站|本网|本网站|本报|本刊|本人|作者|原作者|书面|授权|許可|许可|允许|同意|或)"

CHINESE = (
    # who wrote it
    r"(?:责任编辑|責任編輯|责编|值班编辑|审核编辑|网络编辑)[:：].{0,30}",
    # prompts
    r"(?:请|欢迎)?(?:扫码|掃碼|扫一扫|扫描|长按).{0,12}(?:关注|關注|公众号|公眾號|入群|加群).{0,16}",
    r"长按(?:识别|扫描)?.{0,6}二维码",
    r"(?:点击|點擊)(?:上方|下方|左下角|文末)?[“\"「【]?(?:阅读原文|閱讀原文|蓝字|蓝色字).{0,16}",
    r"(?:欢迎|歡迎|敬请|请)(?:关注|關注).{0,20}(?:公众号|公眾號|微信号|官方微博).{0,16}",
    r"(?:登录|登入|登錄)(?:后|後)(?:才能|可以|可)?(?:发表|發表|查看|参与)?(?:评论|評論|回复|留言)",
    # share bars
    rf"(?:分享到|分享至)[:：]?[ |]*(?:{_CHINESE_SITES})(?:[ ,，、|/·•]+(?:{_CHINESE_SITES}))*",
    _bar(_ACTIONS),
    r"(?:返回顶部|回到頂部|返回首页|返回列表|复制链接)",
    # where to go
    r"(?:上一篇|下一篇)[:：].*",
    r"(?:相关|相關|热门|熱門|推荐|延伸|更多)(?:阅读|閱讀|文章|新闻|新聞|推荐|链接|資訊|资讯)[:：]?",
    r"猜你喜欢[:：]?",
    # rights
    r"版[权權]所有(?:[ :：,，!！©@(（0-9].{0,40}|(?:不得|未经|违者|翻印|侵权).{0,20})?",
    rf"(?:未经|未經){_LEAVE}{{1,4}}[,，]?.{{0,4}}(?:不得|禁止|请勿|严禁|勿).{{0,6}}(?:转载|轉載|摘编|镜像|盗用).{{0,20}}",
    r"(?:如需)?转载(?:请|需)(?:注明|联系|保留).{0,30}",
    r"[^,，.。]{0,6}icp(?:备|證|证)[^,，.。]{0,24}",
    rf"(?:{_PAGES})(?:[ |/·•]+(?:{_PAGES}))*",
    r"(?:本站|本网站|我们)使用 ?cookies?.{0,60}",
)

LINES = (*ENGLISH, *CHINESE)
