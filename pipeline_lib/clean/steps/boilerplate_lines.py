"""Lines that pages of one language share: notices, bars, prompts. This is version 1; a changed list is version 2.

Each is a regular expression that RE2 and Python read alike, in any case of letters, for a line of at most MOST_CHARS.
"""

MOST_CHARS = 160


def _one_or_more(words: str, between: str = r"[ ,，、|/·•]+") -> str:
    """A bar: such words beside each other."""
    return f"(?:{words})(?:{between}(?:{words}))*"


_SITES = "facebook|twitter|x|linkedin|pinterest|whatsapp|reddit|telegram|tumblr|e-?mail|print|copy link|weibo|wechat"
_CHINESE_SITES = "微信|微博|新浪微博|朋友圈|qq|qq空间|腾讯微博|豆瓣|facebook|twitter"

ENGLISH = (
    # consent
    r"(?:this|our) (?:web ?)?site uses cookies.*",
    r"we (?:and our partners )?use cookies.*",
    r"by (?:continuing|using|visiting|browsing) .*\bcookies?\b.*",
    r"(?:accept|reject|allow|manage) (?:all )?cookies",
    r"cookie (?:policy|settings|preferences|notice|consent)",
    r"privacy (?:policy|notice|statement)",
    r"terms (?:of (?:use|service)|(?:and|&) conditions)",
    # rights
    r"(?:copyright|©|\(c\)) .*all rights reserved.*",
    r"all rights reserved\.?",
    # share bars
    rf"(?:share|tweet|pin)(?: this)?(?: (?:article|post|page|story))?(?: (?:on|via|to|with) (?:{_SITES}))?:?",
    rf"(?:share:? )?(?:{_SITES})[ ,|/·•]+{_one_or_more(_SITES)}",
    # prompts
    r"(?:click here to )?subscribe (?:to|for) our .*newsletter.*",
    r"sign up (?:for|to) (?:our|the) .*newsletter.*",
    r"follow us on .*",
    r"skip to (?:main )?content",
    r"(?:back|return) to (?:the )?top",
    r"leave a (?:comment|reply)",
    r"(?:log|sign) in (?:to|or register to) (?:post|leave|add) (?:a )?comments?.*",
    r"(?:related|recommended|popular|recent|more) (?:posts|articles|stories|news):?",
    r"(?:advertisement|sponsored content|story continues below(?: advertisement)?)",
    r"(?:please )?(?:enable|turn on) javascript.*",
    r"(?:previous|next) (?:post|article|page)",
)

CHINESE = (
    # who wrote it
    r"(?:责任编辑|責任編輯|责编|值班编辑|审核编辑|网络编辑)[:：].*",
    # prompts
    r"(?:请)?(?:扫码|掃碼|扫一扫|长按).*(?:关注|關注|二维码|識別|识别|下载|入群|加群).*",
    r"(?:点击|點擊)(?:上方|下方|左下角|文末)?[“\"「【]?(?:阅读原文|閱讀原文|蓝字|蓝色字|关注|關注).*",
    r"(?:欢迎|歡迎|请|敬请)?(?:关注|關注).{0,20}(?:公众号|公眾號|微信号|官方微博).*",
    r"(?:登录|登入|登錄)(?:后|後)(?:才能|可以|可)?(?:发表|發表|查看|参与)?(?:评论|評論|回复|留言).*",
    # share bars
    rf"(?:分享到|分享至|分享)[:：]?[ |]*{_one_or_more(_CHINESE_SITES)}",
    _one_or_more("打印|列印|收藏|举报|关闭|点赞|复制链接|返回顶部|回到頂部|返回首页|返回列表"),
    # where to go
    r"(?:上一篇|下一篇)[:：].*",
    r"(?:相关|相關|热门|熱門|推荐|延伸|猜你喜欢|更多)(?:阅读|閱讀|文章|新闻|新聞|推荐|链接|資訊|资讯)?[:：]?",
    # rights
    r"(?:版权所有|版權所有|©|copyright).{0,60}(?:版权所有|保留所有权利|all rights reserved|icp备.*|icp證.*)?",
    r"(?:未经|未經).{0,20}(?:授权|許可|许可|同意|允许).{0,20}(?:转载|轉載|使用|复制|摘编|镜像).*",
    r"(?:如需)?转载(?:请)?(?:注明|联系|保留).*",
    r".{0,6}icp(?:备|證|证).{0,24}",
    _one_or_more("隐私政策|隱私政策|用户协议|服务条款|使用条款|免责声明|关于我们|联系我们|网站地图"),
    r"(?:本站|本网站|我们)使用 ?cookies?.*",
)

LINES = (*ENGLISH, *CHINESE)
