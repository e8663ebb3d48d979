"""`rewriter completion SHELL`: a script that completes commands, options and their choices, made from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class _Option:
    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...]
    takes_value: bool


@dataclass(frozen=True)
class _Command:
    name: str
    help: str
    options: tuple[_Option, ...]
    words: tuple[str, ...]
    """What its argument may be; empty where that is a path."""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    commands = tuple(_commands(parser))
    lines = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)
    return "".join(f"{line}\n" for line in lines)


def _commands(parser: argparse.ArgumentParser) -> Iterator[_Command]:
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}
    for name, command in subparsers.choices.items():
        positional = [action for action in command._actions if not action.option_strings]
        words = tuple(str(word) for action in positional for word in action.choices or ())
        yield _Command(name, helps[name], tuple(_options(command)), words or tuple(_codes() if name == "rule" else ()))


def _options(parser: argparse.ArgumentParser) -> Iterator[_Option]:
    for action in parser._actions:
        if action.option_strings:
            choices = tuple(str(choice) for choice in action.choices or ())
            text = (action.help or "").replace("'", "").replace("%(default)s", str(action.default))
            yield _Option(tuple(action.option_strings), text, choices, action.nargs != 0)


def _codes() -> list[str]:
    from rewriter.rule_codes import CODES

    return list(CODES)


def _bash(commands: tuple[_Command, ...]) -> Iterator[str]:
    names = " ".join(command.name for command in commands)
    yield '# rewriter\'s completion for bash: put `eval "$(rewriter completion bash)"` into ~/.bashrc'
    yield "_rewriter() {"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '    local command="${COMP_WORDS[1]}" words=""'
    yield "    COMPREPLY=()"
    yield '    if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'        COMPREPLY=($(compgen -W "{names} --help --version" -- "$word")); return'
    yield "    fi"
    yield '    case "$command $before" in'
    for command in commands:
        for option in command.options:
            for name in option.names if option.choices else ():
                yield f'        "{command.name} {name}") words="{" ".join(option.choices)}" ;;'
    yield "    esac"
    yield '    if [ -z "$words" ]; then case "$command" in'
    for command in commands:
        options = " ".join(name for option in command.options for name in option.names)
        plain = f' || words="{" ".join(command.words)}"' if command.words else ""
        yield f'        {command.name}) [[ "$word" == -* ]] && words="{options}"{plain} ;;'
    yield "    esac; fi"
    yield '    [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "    return 0"
    yield "}"
    yield "complete -o default -F _rewriter rewriter"


def _zsh(commands: tuple[_Command, ...]) -> Iterator[str]:
    yield "#compdef rewriter"
    yield '# rewriter\'s completion for zsh: put `eval "$(rewriter completion zsh)"` into ~/.zshrc, behind compinit'
    yield "_rewriter() {"
    yield "    if (( CURRENT == 2 )); then"
    yield "        local -a commands=("
    yield from (f"            '{command.name}:{_plain(command.help)}'" for command in commands)
    yield "        )"
    yield "        _describe command commands; return"
    yield "    fi"
    yield '    local command="${words[2]}"; shift words; (( CURRENT-- ))'
    yield '    case "$command" in'
    for command in commands:
        yield f"    {command.name}) _arguments \\"
        for option in command.options:
            value = f":value:({' '.join(option.choices)})" if option.choices else ":value:_files"
            for name in option.names:
                yield f"        '{name}[{_plain(option.help)}]{value if option.takes_value else ''}' \\"
        values = f"({' '.join(command.words)})" if command.words else "_files"
        yield f"        '*:argument:{values}' ;;"
    yield "    esac"
    yield "}"
    yield 'if [ "$funcstack[1]" = "_rewriter" ]; then _rewriter "$@"; else compdef _rewriter rewriter; fi'


def _fish(commands: tuple[_Command, ...]) -> Iterator[str]:
    yield "# rewriter's completion for fish: rewriter completion fish > ~/.config/fish/completions/rewriter.fish"
    for command in commands:
        yield f"complete -c rewriter -n __fish_use_subcommand -f -a {command.name} -d '{_plain(command.help)}'"
    for command in commands:
        seen = f"complete -c rewriter -n '__fish_seen_subcommand_from {command.name}'"
        if command.words:
            yield f"{seen} -f -a '{' '.join(command.words)}'"
        for option in command.options:
            names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
            value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r" if option.takes_value else ""
            yield f"{seen} {names}{value} -d '{_plain(option.help)}'"


def _plain(text: str) -> str:
    """Without what the shells' quotes and brackets would take for their own."""
    return "".join(character for character in text if character not in "'[]:\\`")
