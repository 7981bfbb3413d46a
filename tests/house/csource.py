# SPDX-License-Identifier: LGPL-2.1-or-later
"""Just enough of C to measure it: functions, their parameters and how deep their control statements nest. It relies on
clang-format having put a function's name, "{" and "}" at the beginning of a line."""
import re
from dataclasses import dataclass

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.M)
FUNCTION = re.compile(r'^(\w+)\(', re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
TOKEN = re.compile(r'\w+|\S')
CONTROLS = {'if', 'for', 'while', 'switch'}


@dataclass
class Function:
    name: str
    line: int
    n_lines: int
    parameters: list
    depth: int


def blank(match):
    """Keeps the lines, drops the content."""
    text = match.group(0)
    if text.startswith(('"', "'")):
        return text[0] + text[0]
    return '\n' * text.count('\n')


def strip(text):
    """The code without comments and with empty literals, line for line."""
    return COMMENT_OR_TEXT.sub(blank, text)


def includes(text):
    """(is quoted, name) of each #include."""
    code = COMMENT_OR_TEXT.sub(lambda m: m.group(0) if m.group(0)[0] == '"' else blank(m), text)
    return [(quote == '"', name) for quote, name in INCLUDE.findall(code)]


def matching(text, start):
    """Index after the bracket that closes the one at start."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] in '([{':
            depth += 1
        elif text[index] in ')]}':
            depth -= 1
            if depth == 0:
                return index + 1
    return len(text)


def split_parameters(text):
    parts, depth, last = [], 0, 0
    for index, char in enumerate(text):
        depth += (char in '([{') - (char in ')]}')
        if char == ',' and depth == 0:
            parts.append(text[last:index])
            last = index + 1
    parts.append(text[last:])
    return [' '.join(part.split()) for part in parts if part.strip() not in ('', 'void')]


class Nesting:
    """Walks the statements of one body and keeps the deepest nesting of control statements, braces or not."""

    def __init__(self, body):
        self.tokens = TOKEN.findall(body)
        self.deepest = 0

    def skip_brackets(self, at):
        depth = 0
        while at < len(self.tokens):
            depth += (self.tokens[at] in '([{') - (self.tokens[at] in ')]}')
            at += 1
            if depth == 0:
                break
        return at

    def block(self, at, depth):
        while at < len(self.tokens) and self.tokens[at] != '}':
            at = self.statement(at, depth)
        return at + 1

    def control(self, at, depth):
        """at: the opening parenthesis."""
        self.deepest = max(self.deepest, depth + 1)
        return self.statement(self.skip_brackets(at), depth + 1)

    def branch(self, at, depth):
        at = self.control(at + 1, depth)
        while self.tokens[at:at + 1] == ['else']:
            if self.tokens[at + 1] == 'if':
                at = self.control(at + 2, depth)
            else:
                return self.statement(at + 1, depth + 1)
        return at

    def simple(self, at):
        """An expression or declaration up to its semicolon; a macro that heads a block counts as a loop."""
        while at < len(self.tokens) and self.tokens[at] not in (';', '}'):
            at = self.skip_brackets(at) if self.tokens[at] in ('(', '[', '{') else at + 1
        return at + (self.tokens[at:at + 1] == [';'])

    def is_macro_loop(self, at):
        if self.tokens[at + 1:at + 2] != ['(']:
            return False
        after = self.skip_brackets(at + 1)
        return self.tokens[after:after + 1] == ['{']

    def statement(self, at, depth):
        token = self.tokens[at]
        if token == '{':
            return self.block(at + 1, depth)
        if token in ('case', 'default'):
            return self.tokens.index(':', at) + 1
        if token == 'if':
            return self.branch(at, depth)
        if token == 'do':
            self.deepest = max(self.deepest, depth + 1)
            return self.simple(self.statement(at + 1, depth + 1))
        if token in CONTROLS or self.is_macro_loop(at):
            return self.control(at + 1, depth)
        return self.simple(at)


def nesting(body):
    walk = Nesting(body)
    walk.block(0, 0)
    return walk.deepest


def functions(text):
    code = DIRECTIVE.sub(lambda m: '\n' * m.group(0).count('\n'), strip(text))
    for match in FUNCTION.finditer(code):
        closed = matching(code, match.end() - 1)
        start = re.compile(r'\s*\n\{').match(code, closed)
        if not start:
            continue
        end = matching(code, start.end() - 1)
        yield Function(match.group(1), code.count('\n', 0, match.start()) + 1,
                       code.count('\n', start.end() - 1, end) + 1,
                       split_parameters(code[match.end():closed - 1]), nesting(code[start.end():end - 1]))
