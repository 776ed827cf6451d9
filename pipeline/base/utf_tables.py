#!/usr/bin/env python3
"""Write the tables of utf.c, utf_{norm,join,fold}.def, beside this script.

The build needs neither this script nor Python; it is run when the tables get a new version.
A version once shipped keeps its tables, for shares record which one their keys were made by.
"""
import os
import sys
import unicodedata as u

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]


def fold(c):
    """Simple case folding: the full one where it is one letter, else the small letter."""
    full = c.casefold()
    if len(full) == 1:
        return full
    low = c.lower()
    return low if len(low) == 1 else c


def parts(c):
    d = u.decomposition(c)
    return [] if not d or d[0] == '<' else [int(x, 16) for x in d.split()]


def rows(out, items):
    line = '\t'
    for item in items:
        if line != '\t' and len(line) + len(item) + 1 > 82:
            out.write(line.rstrip() + '\n')
            line = '\t'
        line += item + ' '
    out.write(line.rstrip() + '\n')


def table(name, says, *kinds):
    with open(os.path.join(HERE, name), 'w') as out:
        out.write('/*\n * Unicode %s, written by utf_tables.py.\n' % u.unidata_version)
        out.write(''.join(' * %s\n' % line for line in says) + ' */\n')
        for kind in kinds:
            rows(out, kind)


def classes():
    run = None
    for c in TEXT:
        k = u.combining(c)
        if run and k == run[2] and ord(c) == run[1] + 1:
            run[1] = ord(c)
            continue
        if run and run[2]:
            yield tuple(run)
        run = [ord(c), ord(c), k]
    if run and run[2]:
        yield tuple(run)


def folds():
    """Runs (first, last, step, delta): every step-th letter of the run moves by delta."""
    moves = [(ord(c), ord(fold(c)) - ord(c)) for c in TEXT if fold(c) != c]
    i = 0
    while i < len(moves):
        first, delta = moves[i]
        step, j = 0, i
        while j + 1 < len(moves) and moves[j + 1][1] == delta:
            gap = moves[j + 1][0] - moves[j][0]
            if gap > 2 or (step and gap != step):
                break
            step, j = gap, j + 1
        yield first, moves[j][0], step or 1, delta
        i = j + 1


def main():
    single, pair, compose = [], [], []
    for c in TEXT:
        p = parts(c)
        if 0xAC00 <= ord(c) <= 0xD7A3 or not p:
            continue
        if len(p) == 1:
            single.append((ord(c), p[0]))
            continue
        pair.append((ord(c), *p))
        if u.normalize('NFC', chr(p[0]) + chr(p[1])) == c:
            compose.append((*p, ord(c)))
    table('utf_norm.def', [
        'Canonical decomposition; hexadecimal; each kind is sorted.',
        'CLASS(first, last, combining class)  ONE(letter, its only part)',
        'TWO(letter, first part, second part)'],
        ['CLASS(%04X,%04X,%d)' % r for r in classes()],
        ['ONE(%04X,%04X)' % r for r in single],
        ['TWO(%04X,%04X,%04X)' % r for r in pair])
    table('utf_join.def', [
        'Canonical composition; hexadecimal, sorted by the parts.',
        'JOIN(first part, second part, letter)'],
        ['JOIN(%04X,%04X,%04X)' % r for r in sorted(compose)])
    table('utf_fold.def', [
        'Simple case folding: in [first, last] every step-th letter moves by delta.',
        'FOLD(first, last, step, delta)'],
        ['FOLD(%04X,%04X,%d,%d)' % r for r in folds()])


if __name__ == '__main__':
    main()
