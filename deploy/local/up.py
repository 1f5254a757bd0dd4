"""`make up`: the whole system until Ctrl-C; prints what a newcomer needs, and loudly which process has ended."""

import json
from collections.abc import Callable
from pathlib import Path

import aiohttp

from deploy.local.child import LocalError, ProcessDied
from deploy.local.control import open_control
from deploy.local.running import command, how_it_ended
from deploy.local.say import Say
from deploy.local.secrets import CLIENTS
from deploy.local.system import LOCAL, System, open_system

__all__ = ["show_addresses", "stay_up", "teller"]

LAST_LINES = 8


async def stay_up(say: Say) -> int:
    """Start everything and stay until told to stop, or until PostgreSQL or Kafka dies."""
    async with open_system(say, apart=True) as system:
        await show_addresses(system)
        async with open_control(LOCAL, system.supervisor, system.servers()):
            try:
                await system.wait(teller(say))
            except ProcessDied as death:
                _tell_end(death, say)
                raise LocalError(
                    "Không có nó mọi thứ phải dừng; không mất gì. Chạy lại: make up\n"
                    "Without it everything ends; nothing is lost. Run it again: make up"
                ) from death


def teller(say: Say) -> Callable[[ProcessDied], None]:
    """Give what tells of a process that has ended while the others go on."""

    def tell(death: ProcessDied) -> None:
        _tell_end(death, say)
        say("    Mọi thứ khác vẫn chạy. Chạy lại · Everything else goes on. Start it again:")
        say(f"      {command('deploy.local', 'start', death.name)}")

    return tell


def _tell_end(death: ProcessDied, say: Say) -> None:
    say(f"!!! {death.name} ĐÃ CHẾT · HAS ENDED ({how_it_ended(death.exit_code)}); {_shown(death.log_file)}")
    # Whoever was killed said nothing of it, and what it said before is no reason.
    for line in death.last_lines[-LAST_LINES:] if death.exit_code >= 0 else ():
        say(f"    {line}")


async def show_addresses(system: System) -> None:
    """Print the addresses and each client, with a token where it gets one."""
    folder = _shown(system.log_dir)
    print(f"\nGateway   {system.gateway_url}\nOpenAPI   {system.gateway_url}/docs\nLogs      {folder}/*.log\n")
    print("Clients, each with a token of 5 minutes:\n")
    async with aiohttp.ClientSession() as http:
        for name, (client_id, secret) in system.secrets.clients.items():
            form = {"grant_type": "client_credentials"}
            headers = {"authorization": aiohttp.encode_basic_auth(client_id, secret)}
            async with http.post(f"{system.gateway_url}/oauth/token", data=form, headers=headers) as answer:
                body = json.loads(await answer.text())
            kind, scopes = CLIENTS[name]["kind"], " ".join(CLIENTS[name]["scopes"])
            print(f"{name} ({kind}: {scopes})\n  client_id {client_id}", end="")
            if "access_token" in body:
                print(f"  client_secret {secret}\n  TOKEN={body['access_token']}\n")
            else:
                # Somebody has rotated or suspended it: that is theirs to do, and no reason for us to end.
                print(f"  KHÔNG CÓ TOKEN · NO TOKEN: {body.get('detail', body)}\n{_another_secret(client_id)}\n")
    ask_for = "-u CLIENT_ID:CLIENT_SECRET -d grant_type=client_credentials"
    print(f"A new one:  curl -s {system.gateway_url}/oauth/token {ask_for}\n")
    print("In another shell:\n")
    for words, what in (
        ("make monitoring", "a Prometheus beside this"),
        (command("deploy.local", "ps"), "the processes; also start, stop, restart NAME"),
        (command("deploy.ops", "--help"), "operators' commands"),
        (f"set -a; . {folder.parent}/environment; set +a", "the processes' environment, for other commands"),
    ):
        print(f"  {words:<46}{what}")
    print("\nCtrl-C stops everything.\n", flush=True)


def _another_secret(client_id: str) -> str:
    return (
        "  mật khẩu khác với .local/secrets/clients.json · its secret is not that of .local/secrets/clients.json\n"
        f"  mật khẩu mới · a new one:  {command('deploy.ops', 'client', 'rotate', client_id)}\n"
        f"  bị tạm dừng thì · if suspended:  {command('deploy.ops', 'client', 'resume', client_id)}"
    )


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
