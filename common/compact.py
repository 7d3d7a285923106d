"""The compact form of a job's record: what is asked of a job that has ended, in values that Redis keeps small.

Redis keeps a hash in a third of the memory while none of its values is longer than 64 bytes. So long texts are packed:
deflated together, and cut into fields of that length. A field that is written later, even as empty, wins over a packed
one: `retry` takes a compact record up as it is.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

SHORT = 64  #: bytes; hash-max-listpack-value, as servers have it by default
PACKED = "packed"  #: how many fields `packed.<n>` there are; in an answer of `read.lua` what they hold
VERSION = 3  #: of a record that may have packed fields: an older program must not take what it lacks for empty

#: only an unfinished job needs them; a claim or a move writes them anew
PASSING = frozenset("claimed crashes done held not_before owner place snooze stage total again attempt wants".split())
#: scripts look at these of any job, empty or not; at the others of one that is taken up again
LOOKED_AT = frozenset("batch key lease wish".split())
TAKEN_UP = frozenset("lease_until deadline_ms".split())
#: scripts read them: they are never packed
READ_BY_SCRIPTS = frozenset("id key digest batch base deployment run_id payer shares endpoint base_endpoint".split())
#: what texts of records often hold, so that short ones shrink too. It never changes: records are read by it.
_WORDS = (
    b'{"stage":"training","code":"run_failed","message":"the platform\'s run ft- ended as error: ","attempts":1}'
    b'{"epochs":3,"epochs_total":3,"queue_depth":null,"next_state_at":null}{"train_rows":,"test_questions":,'
    b'"dropped_no_answer":,"dropped_no_hints":,"hints_missing":,"hints_surplus":,"questions":,"unscored":0,'
    b'"comparison":"{\\"rouge2\\":{\\"n\\":,\\"tuned\\":0.,\\"base\\":0.,\\"difference\\":0.,\\"better\\":,'
    b'\\"worse\\":,\\"same\\":,\\"score\\":{\\"mean\\":0.,\\"n\\":,\\"questions\\":,\\"low\\":0.,\\"high\\":0.,'
    b'\\"unscored\\":0}},\\"rougeL\\":{\\"mean\\":0.,\\"n\\":10,\\"questions\\":5,\\"low\\":0.,\\"high\\":0.,'
    b'"output_name":"Meta-Llama-3-8B-Instruct-","counts":"{\\"error\\":"{\\"scores\\":"{\\"rouge1\\":{\\"mean\\":0.'
)


def compacted(record: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """(fields that go, fields that are written) to make a finished job's record compact; nothing where it is so.
    Raises ValueError for one that a newer hintrelay wrote."""
    if int(record.get("v") or 0) > VERSION:
        raise ValueError(f"record version {record['v']}")
    known = unpacked(record)
    keeps = LOOKED_AT | TAKEN_UP if known["state"] == "failed" else LOOKED_AT
    goes = PASSING | TAKEN_UP - keeps
    kept = {name: value for name, value in known.items() if name in keeps or (value and name not in goes)}
    long = {name: value for name, value in kept.items() if _long(name, value)}
    short = {name: value for name, value in kept.items() if name not in long}
    wanted = {**short, **(_pack(long) if long else {}), "v": str(VERSION)}
    gone = [name for name in record if name not in wanted]
    return gone, {name: value for name, value in wanted.items() if record.get(name) != value}


def unpacked(record: Mapping[str, str]) -> Mapping[str, str]:
    """A record as it was before it was made compact; any other as it is."""
    packed = record.get(PACKED)
    if not packed:
        return record
    if packed.isdecimal():
        packed = "".join(record[f"{PACKED}.{number}"] for number in range(int(packed)))
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_WORDS)
    long: dict[str, str] = json.loads(inflate.decompress(b64decode(packed)))
    return long | {name: value for name, value in record.items() if not name.startswith(PACKED)}


def _long(name: str, value: str) -> bool:
    return len(value) > SHORT // 4 and len(value.encode()) > SHORT and name not in READ_BY_SCRIPTS


def _pack(long: Mapping[str, str]) -> dict[str, str]:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_WORDS)
    text = json.dumps(long, separators=(",", ":")).encode()
    packed = b64encode(deflate.compress(text) + deflate.flush()).decode()
    parts = [packed[start : start + SHORT] for start in range(0, len(packed), SHORT)]
    return {PACKED: str(len(parts)), **{f"{PACKED}.{number}": part for number, part in enumerate(parts)}}
