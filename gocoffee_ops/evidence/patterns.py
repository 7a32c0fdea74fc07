"""What a secret looks like: detectors, each with the words without which it cannot match.

A detector's pattern keeps what its group `keep` holds and masks the rest of the match, so that a reader still sees which
key or which URL it was. The words make redaction fast: most text holds none of them, and no pattern is run.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

MASK = "[redacted]"

# A key that stands before a secret. Strong ones are believed whatever follows; weak ones are ordinary words, too.
STRONG = (
    r"(?:passw(?:or)?d|passphrase|passcode|(?<![a-z])pwd(?!=/)|"
    r"(?:api|secret|access|private|client|encryption|signing|account|license|ssh|master|session|deploy|hmac|storage|jwt|"
    r"auth|app|integration|routing)[_.-]?key|secret[_.-]?access|auth[_.-]?token|session[_-]?id|connection[_-]?string|"
    r"\.dockerconfigjson|(?<=\")auth(?=\\*\")|_auth(?==))"
)
WEAK = r"(?:secret|token|credential|cookie)"
ANY = f"(?:{STRONG}|{WEAK})"
# `secretName`, `token_ttl`, `password_encryption`: they name or describe a secret and hold none.
TAIL = (
    r"(?!s?[_.-]?(?:name|file|path|dir|ref\b|keyref|type|ttl|encryption|polic|enabled|expir|count|limit|length|review|"
    r"request|rotat|required|volume|mount|timeout|last|url\b|uri\b|endpoint|issuer|audience|version|algorithm))[\w.-]{0,40}"
)
NOTHING = r"(?!\$\d|\$[({]|<set to|\[redacted\]|(?:true|false|null|none|nil)(?![^\s,;&\"'})\]]))"
# A quote right before a letter ends nothing that we could be sure of.
QUOTED = r"(?P<{q}>\\*[\"'`])(?:.*?)(?:(?<!\\)(?P={q})(?:\w\S*)?|(?=\n)|\Z)"
# The end of a line, also as JSON and Python write it inside a text; and a line up to there.
NL = r"(?:\r?\n|\\+n)"
LINE = r"(?:(?!\\+n)[^\n])"
BARE = r"(?:[^\s&\"'\\]|\\(?![\"']))+(?:[\"'](?=\w)(?:[^\s&\"'\\]|\\(?![\"']))*)*"
# After `token: ` a word is prose, and what holds a digit or is long is not.
RANDOM = r"(?:(?=\S*\d)[^\s\"'&\[{]{6,}|[^\s\"'&\[{]{20,})"
CLOSE = r"\\*[\"'`]?\]?"


@dataclass(frozen=True)
class Detector:
    """One kind of secret: its pattern, and what is cheap to look for first in the text in lower case.

    Every text that matches holds one of `words`, and `guard` finds something in it.
    """

    name: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[re.Match[str]], str]
    guard: re.Pattern[str]


def _keep(match: re.Match[str]) -> str:
    groups = match.groupdict()
    quote = groups.get("q") or groups.get("q2") or ""
    return "".join((groups.get("keep") or groups.get("keep2") or "", quote, MASK, quote, groups.get("after") or ""))


def _basic(match: re.Match[str]) -> str:
    """`Basic` before a word is prose; before base64 with a colon in it, it is user and password."""
    try:
        decoded = base64.b64decode(match["value"] + "==")
    except (binascii.Error, ValueError):
        return match[0]
    return match["keep"] + MASK if b":" in decoded else match[0]


def _secret_data(match: re.Match[str]) -> str:
    """The values of a Secret's data, whatever their keys are called."""
    return re.sub(r"(:\s*\\*\")[^\"\\]*(\\*\")", rf"\1{MASK}\2", match[0])


def _detector(
    name: str,
    words: str,
    pattern: str,
    *,
    flags: int = re.IGNORECASE,
    replace: Callable[[re.Match[str]], str] = _keep,
    guard: str = "",
) -> Detector:
    return Detector(name, tuple(words.split()), re.compile(pattern, flags), replace, re.compile(guard))


def _secret_manifest(match: re.Match[str]) -> str:
    return re.sub(r"\\*\"(?:data|stringData)\\*\"\s*:\s*\{[^{}]*\}", _secret_data, match[0])


def _secret_yaml(match: re.Match[str]) -> str:
    return _YAML_DATA.sub(rf"\1  {MASK}\2", match[0])


_YAML_DATA = re.compile(rf"((?:data|stringData):[ \t]*{NL})(?:[ \t]+{LINE}*(?:{NL}|\Z))*[ \t]+{LINE}*({NL}|\Z)")

KEY_WORDS = "passw passphrase passcode pwd key secret token session connection dockerconfigjson auth credential cookie"
_WORD = f"(?:{'|'.join(KEY_WORDS.split())})"
_KEYED = rf"{_WORD}[\w.-]{{0,60}}[\\\"'`\]]*[ \t]*[:=]"

# Those that also apply to statement text, whose literals are masked anyway.
TOKENS: tuple[Detector, ...] = (
    _detector(
        "private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        flags=re.DOTALL,
    ),
    _detector(
        "password in a URL",
        "://",
        r"(?P<keep>://[^\s:/@?#\"']{0,256}:)(?!\d{1,5}(?:[/?#\"'\s,;)\]]|$))"
        r"(?:[^\s\"'<>]{0,2048}|\S{0,2048}?(?:@[^\s\"'<>]{0,2048})?)(?P<after>@)",
        guard="@",
    ),
    _detector(
        "password in a DSN of Go",
        "@tcp( @tcp4( @tcp6( @unix( @cloudsql(",
        r"(?P<keep>(?:[^\s:/@\"'=]{1,256}|(?<![^\s=])):)(?!//)\S{1,2048}(?P<after>@(?:tcp[46]?|unix|cloudsql)\()",
    ),
    _detector("token as a URL's user", "://", r"(?P<keep>://)[^\s:/@?#\"']{20,2048}(?P<after>@)"),
    _detector("JSON web token", "eyj", r"eyJ[\w-]{6,}(?:\.[\w-]+){1,4}\.?", flags=0),
    _detector(
        "AWS key", "akia asia aroa aida abia acca", r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b", flags=0
    ),
    _detector("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"(?:gh[pousr]_|github_pat_)\w{16,}"),
    _detector(
        "GitLab token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat-",
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[\w.-]{16,}",
    ),
    _detector("Grafana token", "glsa_ glc_", r"\bgl(?:sa|c)_\w{16,}={0,2}"),
    _detector("Slack token", "xox xapp-", r"\b(?:xox[a-z]|xapp)-[\w-]{8,}"),
    _detector(
        "webhook",
        "hooks.slack.com discord webhook.office.com logic.azure.com",
        r"(?P<keep>hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/|logic\.azure\.com(?::\d+)?/)"
        r"[^\s\"'<>\\]+",
    ),
    _detector("Stripe key", "k_live_ k_test_ whsec_", r"\b(?:[rsp]k_(?:live|test)|whsec)_\w{8,}"),
    _detector("Google key", "aiza ya29.", r"\b(?:AIza[\w-]{30,}|ya29\.[\w-]{16,})", flags=0),
    _detector("SendGrid key", "sg.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}", flags=0),
    _detector(
        "registry token", "npm_ pypi- dckr_pat_", r"\b(?:npm_\w{30,}|pypi-[\w-]{16,}|dckr_pat_[\w-]{16,})", flags=0
    ),
    _detector("Vault token", "hvs. hvb. hvr.", r"\bhv[sbr]\.[\w-]{16,}"),
    _detector(
        "provider token",
        "dop_v1_ doo_v1_ dor_v1_ sk- hf_ age-secret",
        r"\b(?:do[opr]_v1_\w{32,}|sk-[\w-]{20,}|hf_\w{30,}|AGE-SECRET-KEY-\w+)",
    ),
    _detector("bot token", "bot", r"(?P<keep>\bbot)\d{8,10}:[\w-]{30,}"),
    _detector(
        "password hash",
        "scram-sha- md5 $2 $argon2 $5$ $6$ $y$",
        r"SCRAM-SHA-(?:1|256)\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+|\bmd5[0-9a-f]{32}\b|\$2[abxy]\$\d\d\$[./\w]{53}|"
        r"\$(?:argon2\w{1,2}|[56y])\$[./\w$=,+-]{8,}",
    ),
    _detector(
        "signature in a URL",
        "sig= signature= code=",
        r"(?P<keep>[?&](?:sig|signature|x-amz-signature|x-goog-signature|code)=)[^\s&\"'<>#]+",
    ),
)

PLAIN: tuple[Detector, ...] = (
    *TOKENS,
    _detector(
        "Secret's data",
        "secret",
        r"\A.*\Z",
        flags=re.DOTALL,
        replace=_secret_manifest,
        guard=r"kind\\*\"\s*:\s*\\*\"secret\\*\"",
    ),
    _detector(
        "Secret's data in YAML",
        "secret",
        r"\A.*\Z",
        flags=re.DOTALL,
        replace=_secret_yaml,
        guard=r"kind:[ \t]*[\"']?secret\b",
    ),
    _detector(
        "authorization header",
        "authorization cookie",
        r"(?P<keep>(?:proxy-)?authorization\\*[\"']?[ \t]*[:=,][ \t]*+|(?:set-)?cookie\\*[\"']?:[ \t]*+)"
        r"(?!\[redacted\])(?:(?P<q>\\*[\"'])(?:.*?)(?:(?<!\\)(?P=q)|(?=\n)|\Z)|[^\"'\r\n\\]+)",
    ),
    _detector(
        "bearer token",
        "bearer token",
        r"(?P<keep>\b(?:bearer|token)[ \t]+)"
        r"(?:(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}|(?<=bearer )(?=[\w.~+/=-]*[\d.~+/=])[\w.~+/=-]{8,}|[\w.~+/=-]{32,})",
    ),
    _detector("basic auth", "basic", r"(?P<keep>\bbasic[ \t]+)(?P<value>[a-z0-9+/]{6,})={0,2}", replace=_basic),
    _detector(
        "environment variable",
        KEY_WORDS,
        rf"(?P<keep>\bname\\*[\"']?\s*[:=]\s*\\*[\"']?[\w.-]{{0,60}}?{ANY}{TAIL}\\*[\"']?"
        rf"(?:\s|\\+n)*,?(?:\s|\\+n)*\\*[\"']?value\\*[\"']?\s*[:=][ \t]*+)"
        rf"{NOTHING}(?:{QUOTED.format(q='q')}|{LINE}+)",
        guard=r"(?s)name.*value",
    ),
    _detector(
        "environment variable, value first",
        KEY_WORDS,
        rf"(?P<keep>\bvalue\\*\"\s*:\s*\\*\")(?:[^\"\\]|\\[^\"]){{0,4096}}(?P<after>\\*\"\s*,\s*\\*\"name\\*\"\s*:\s*\\*\"[\w.-]{{0,60}}?{ANY}{TAIL}\\*\")",
        guard=r"value\\*\"[^,]*,\s*\\*\"name\\*\"",
    ),
    _detector(
        "block of YAML",
        KEY_WORDS,
        rf"(?P<keep>{ANY}{TAIL}{CLOSE}:[ \t]*[|>][+-]?\d?[ \t]*{NL})(?:[ \t]+{LINE}*(?:{NL}|\Z))*[ \t]+{LINE}*(?P<after>{NL}|\Z)",
        guard=rf":[ \t]*[|>][+-]?\d?[ \t]*{NL}",
    ),
    _detector(
        "key and value",
        KEY_WORDS,
        rf"(?P<keep>(?:(?P<strong>{STRONG})|{WEAK}){TAIL}{CLOSE}[ \t]*(?:(?:=>|==?|:=)(?P<equals>)|:)[ \t]*+){NOTHING}"
        rf"(?:{QUOTED.format(q='q')}|(?(equals){BARE}|(?(strong){BARE}|{RANDOM})))",
        guard=_KEYED,
    ),
    _detector(
        "command line",
        KEY_WORDS + " curl mysql redis-cli sshpass",
        rf"(?P<keep>(?:--?[\w-]{{0,60}}?{ANY}{TAIL}|\benv[ \t]+\w{{0,60}}?{ANY}{TAIL}|\bcurl\b[^\n]{{0,400}}?[ \t](?:-u|--user)|"
        rf"\bmysql\w*\b[^\n]{{0,400}}?[ \t]-p(?=\S)|\bredis-cli\b[^\n]{{0,400}}?[ \t]-a|\bsshpass[ \t]+-p)[ \t]*+)(?!-){NOTHING}"
        rf"(?:{QUOTED.format(q='q')}|[^\s\"']+)",
        guard=rf"(?:--?|\benv[ \t]+)[\w-]{{0,60}}{_WORD}|curl|mysql|redis-cli|sshpass",
    ),
    _detector(
        "password in SQL",
        "password identified",
        r"(?P<keep>\b(?:password|identified[ \t]+(?:with[ \t]+\S+[ \t]+)?(?:by|as))[ \t]+)(?:[ebxn]|u&)?"
        r"(?:'(?:[^'\\]|''|\\+(?:[^\\]|\Z))*(?:'(?:\w\S*)?|\Z)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))",
        flags=re.IGNORECASE | re.DOTALL,
    ),
    _detector(
        "password in a sentence",
        "passw passphrase passcode",
        r"(?P<keep>\b(?:with|using|by)[ \t]+(?:(?:the|a)[ \t]+)?(?:passw(?:or)?d|passphrase|passcode)[ \t]+"
        r"(?:(?:is|was|of)[ \t]+)?)"
        r"(?:(?P<q>\\*[\"'`])(?!\[redacted\])(?:.*?)(?:(?<!\\)(?P=q)|(?=\n)|\Z))",
    ),
)

SECRET_KEY = re.compile(rf"{ANY}{TAIL}\Z", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
# base64 of "-----BEGIN": a key or certificate, as a kubeconfig holds it
BASE64_PEM = "LS0tLS1CRUdJTi"

# What a text must hold to be touched by any detector of PLAIN, in either case: one pattern that Arrow runs over a whole column.
SUSPECT = "(?i)" + "|".join(
    [*sorted({re.escape(word) for detector in PLAIN for word in detector.words}), r"[a-z0-9+/]{20}"]
)
