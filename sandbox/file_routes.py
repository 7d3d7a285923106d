"""HTTP of the files."""

from email import message_from_bytes
from email.message import Message

from aiohttp import web

from .core import action_of, platform
from .errors import PlatformError, answer


async def create(request: web.Request) -> web.Response:
    """First request of an upload: where to put the bytes; 409 when they are known."""
    parts, fields = platform(request), await _form(request)
    twin = parts.files.complete_twin(fields.get("checksum", "").lower())
    if twin is not None:
        # without this header the SDK asks three times, 2.5 s in all
        return answer({"file_id": twin.id}, 409, {"x-should-retry": "false"})
    file = parts.files.create(fields, action_of(request).get("file"))
    place = f"{request.scheme}://{request.host}/storage/{file.id}"
    return web.Response(status=302, headers={"Location": place, "X-Together-File-Id": file.id})


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a multipart form, read from the body that a fault may have read before."""
    head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode()
    form = message_from_bytes(head + await request.read())
    if not form.is_multipart():
        raise PlatformError(400, "the body must be multipart/form-data")
    return dict(_field(part) for part in form.get_payload() if isinstance(part, Message))


def _field(part: Message) -> tuple[str, str]:
    value = part.get_payload(decode=True)
    name = part.get_param("name", "", header="content-disposition")
    return str(name), value.decode() if isinstance(value, bytes) else ""


async def put_bytes(request: web.Request) -> web.Response:
    """Second request of an upload, without authorization, at the place the first one named."""
    platform(request).files.put_bytes(request.match_info["id"], await request.read())
    return web.Response(status=200)


async def preprocess(request: web.Request) -> web.Response:
    """Third request of an upload: validation begins."""
    parts = platform(request)
    return answer(parts.files.begin_check(request.match_info["id"]).as_json(parts.clock.now()))


async def list_all(request: web.Request) -> web.Response:
    """All files, half-made records too."""
    parts = platform(request)
    now = parts.clock.now()
    return answer({"data": [file.as_json(now) for file in parts.files.all()]})


async def retrieve(request: web.Request) -> web.Response:
    """One file."""
    parts = platform(request)
    return answer(parts.files.get(request.match_info["id"]).as_json(parts.clock.now()))


async def content(request: web.Request) -> web.Response:
    """The bytes of a file."""
    body = platform(request).files.content(request.match_info["id"])
    return web.Response(body=body, content_type="application/octet-stream")


async def delete(request: web.Request) -> web.Response:
    """Delete a file, also one that runs still need: the platform does not look."""
    file_id = request.match_info["id"]
    platform(request).files.delete(file_id)
    return answer({"id": file_id, "deleted": True})


def routes(prefix: str) -> list[web.RouteDef]:
    """The routes under a prefix."""
    return [
        web.post(f"{prefix}/files", create),
        web.get(f"{prefix}/files", list_all),
        web.get(f"{prefix}/files/{{id}}", retrieve),
        web.get(f"{prefix}/files/{{id}}/content", content),
        web.post(f"{prefix}/files/{{id}}/preprocess", preprocess),
        web.delete(f"{prefix}/files/{{id}}", delete),
        web.put(f"{prefix}/storage/{{id}}", put_bytes),
    ]
