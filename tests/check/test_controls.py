#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Positive controls: each check is fed what it must refuse, and must say why. A check that cannot fail proves nothing.

Every sample is a tiny tree that is in order, with one thing wrong. The tree without the wrong thing must pass.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = "/* SPDX-License-Identifier: EUPL-1.2 */\n"


def header(guard, body=""):
    return SPDX + "#ifndef %s\n#define %s\n%s#endif\n" % (guard, guard, body)


GOOD = {
    "README.md": "A tree in order.\n",
    "hub/base/README.md": "Base.\n",
    "hub/base/err.h": header("KP_BASE_ERR_H", "int kp_err_code(void);\n"),
    "hub/base/err.c": SPDX + '#include "base/err.h"\n\nint kp_err_code(void)\n{\n    return 0;\n}\n',
    "hub/core/README.md": "Core.\n",
    "hub/core/apply.h": header("KP_CORE_APPLY_H", "int kp_apply(int command);\n"),
    "hub/core/apply.c": SPDX + '#include "core/apply.h"\n\n#include "base/err.h"\n\n#include <string.h>\n\n'
                        "int kp_apply(int command)\n{\n    return command + kp_err_code();\n}\n",
    "hub/store/README.md": "Store.\n",
    "hub/store/store.h": header("KP_STORE_STORE_H"),
    "hub/store/lmdb.h": header("KP_STORE_LMDB_H"),
    "adapters/om/README.md": "OM.\n",
    "adapters/om/translator.c": SPDX + '#include "base/err.h"\n\nint kp_om(void);\nint kp_om(void)\n'
                                "{\n    return kp_err_code();\n}\n",
    "deploy/README.md": "Deploy.\n",
    "deploy/runbook.md": "`hub.stopped`: start it.\n",
}
CORE = GOOD["hub/core/apply.c"]


def core(includes="", body="", before=""):
    """The good core file with something added."""
    return (CORE.replace("#include <string.h>\n", "#include <string.h>\n" + includes)
            .replace("int kp_apply(int command)\n{\n", before + "int kp_apply(int command)\n{\n" + body))


def base_with(line):
    return GOOD["hub/base/err.c"].replace("    return 0;", "    %s\n    return 0;" % line)


# What is wrong, in which files, and what the check must say about it.
LAYERS = [
    ("the core includes the LMDB store", {"hub/core/apply.c": core('#include "store/lmdb.h"\n')},
     "hub/core may not include hub/store/lmdb.h"),
    ("base includes the core", {"hub/base/err.c": '#include "core/apply.h"\n' + GOOD["hub/base/err.c"]},
     "hub/base may not include hub/core/apply.h"),
    ("an adapter includes the core",
     {"adapters/om/translator.c": '#include "core/apply.h"\n' + GOOD["adapters/om/translator.c"]},
     "adapters/om may not include hub/core/apply.h"),
    ("an adapter includes the store through a path",
     {"adapters/om/translator.c": '#include "../../hub/store/store.h"\n' + GOOD["adapters/om/translator.c"]},
     "adapters/om may not include hub/store/store.h"),
    ("LMDB outside its wrapper", {"hub/base/err.c": "#include <lmdb.h>\n" + GOOD["hub/base/err.c"]},
     "<lmdb.h> belongs to"),
    ("the core includes the clock's header", {"hub/core/apply.c": core("#include <time.h>\n")},
     "the core may not include <time.h>"),
    ("the core reads the clock",
     {"hub/core/apply.c": core(before="long time(long *);\n", body="    command += (int)time(0);\n")},
     "calls time,"),
    ("the core takes memory",
     {"hub/core/apply.c": core(before="void *malloc(unsigned long);\n",
                               body="    command += *(int *)malloc((unsigned long)command);\n")},
     "calls malloc,"),
    ("the core prints", {"hub/core/apply.c": core(before="int puts(const char *);\n", body='    puts("x");\n')},
     "calls puts,"),
    ("the core logs",
     {"hub/core/apply.c": core(before="void kp_log(int, ...);\n", body="    kp_log(1);\n")},
     "calls kp_log,"),
    ("the core draws a random number",
     {"hub/core/apply.c": core(before="void kp_random(void *, unsigned long);\n",
                               body="    kp_random(&command, sizeof command);\n")},
     "calls kp_random,"),
    ("the core commits", {"hub/core/apply.c": core(before="int kp_txn_commit(void);\n",
                                                   body="    command += kp_txn_commit();\n")},
     "calls kp_txn_commit,"),
    ("the core sorts with open ties", {"hub/core/apply.c": core(body="    /* x */ qsort(0, 0, 0, 0);\n",
                                                                before="void qsort(void *, long, long, void *);\n")},
     "depends on a locale or leaves ties open"),
    ("the core keeps a variable", {"hub/core/apply.c": core(before="static int count;\n",
                                                            body="    command += ++count;\n")},
     "variable count outlives a command"),
    ("a float in the core", {"hub/core/apply.c": core(body="    command = (int)((double)command * 0.3);\n")},
     "no floats in the core"),
    ("a float that hides behind a macro",
     {"hub/core/apply.c": core(before="#define REAL __typeof__(1.0 * 1)\n",
                               body="    command = (int)((REAL)command * 0.3);\n")},
     "calculates with floating point"),
]
LINT = [
    ("strcpy", {"hub/base/err.c": base_with('char a[2]; strcpy(a, "x");')}, "strcpy( unbounded"),
    ("sprintf with a space", {"hub/base/err.c": base_with("sprintf (0, 0);")},
     "sprintf ( unbounded"),
    ("atoi", {"hub/base/err.c": base_with('return atoi("1");')}, "atoi( cannot tell"),
    ("strtok", {"hub/base/err.c": base_with('strtok(0, "");')}, "strtok( keeps hidden state"),
    ("rand", {"hub/base/err.c": base_with("return rand();")}, "rand( not random"),
    ("time", {"hub/base/err.c": base_with("(void)time(0);")}, "time( use kp_wall_now"),
    ("localtime", {"hub/base/err.c": base_with("localtime(0);")}, "localtime( hidden state"),
    ("assert", {"hub/base/err.c": base_with("assert(1);")}, "assert( is compiled out"),
    ("memory that is not looked at", {"hub/base/err.c": base_with("char *a = malloc(2); a[0] = 1;")},
     "a is not compared with NULL"),
    ("exit in a library", {"hub/base/err.c": base_with("exit(1);")}, "only a program's main ends"),
    ("a log line in the core", {"hub/core/apply.c": core(body='    kp_log(1, "x.y", "");\n')},
     "libraries and the core return errors"),
    ("a typedef on a struct", {"hub/base/err.c": GOOD["hub/base/err.c"] + "typedef struct kp_x kp_x;\n"},
     "no typedef on structs"),
    ("a comment of the other kind", {"hub/base/err.c": base_with("// x")}, "comments are /* */"),
    ("a function of 71 lines", {"hub/base/err.c": base_with("\n".join(["    (void)0;"] * 70))},
     "a function of 71 lines"),
    ("a file of 801 lines", {"hub/base/err.c": GOOD["hub/base/err.c"] + "\n" * 794}, "801 lines; split"),
    ("no SPDX line", {"hub/base/err.c": GOOD["hub/base/err.c"].replace(SPDX, "")}, "no line SPDX"),
    ("no SPDX line in a script", {"deploy/tool": "#!/bin/sh\ntrue\n"}, "deploy/tool: no line SPDX"),
    ("no README", {"hub/core/README.md": None}, "hub/core: has no README.md"),
    ("no include guard", {"hub/base/err.h": SPDX + "int kp_err_code(void);\n"}, "no include guard"),
    ("one guard for two headers", {"hub/store/lmdb.h": header("KP_STORE_STORE_H")}, "shares its include guard"),
    ("left for later", {"hub/base/err.c": base_with("/* TO" "DO */")}, "promises later work"),
    ("an error that the runbook does not know",
     {"hub/base/err.c": base_with('kp_log(KP_LOG_ERROR, "hub.lost", "");')}, "hub.lost is not in deploy/runbook.md"),
    ("two pieces of advice", {"deploy/runbook.md": "| `hub.lost` | a | b |\n| `hub.stopped`, `hub.lost` | c | d |\n"},
     "hub.lost has 2 rows"),
    ("a shell script that does not parse", {"deploy/tool": "#!/bin/sh\n" + SPDX.replace("/*", "#").replace(" */", "") +
                                            "if true\n"}, "yntax error"),
    ("Python that does not parse", {"deploy/x.py": "# SPDX-License-Identifier: EUPL-1.2\ndef\n"}, "deploy/x.py:2"),
]


FORMAT = ("braces and spaces", SPDX + "int  kp_x( void ){return 0;}\n", "clang-format-violations")
# What the runner must make of a test: its script, and the line it prints.
RUNNER = {
    "passes": ("exit 0", r"ok +[0-9.]+ s +e2e/test_passes"),
    "fails": ("echo because; exit 1", r"FAIL +[0-9.]+ s +e2e/test_fails: exit 1\n +\| because"),
    "skips": ("echo no data; exit 77", r"skip +[0-9.]+ s +e2e/test_skips: no data"),
    "hangs": ("# check: limit 1 s\nsleep 60", r"FAIL +[0-9.]+ s +e2e/test_hangs: not done after 1 s"),
    "leaves": ("sleep 60 & exit 0", r"FAIL +[0-9.]+ s +e2e/test_leaves: left running: sleep"),
    "is_reported": ('echo "data race" >"${TSAN_OPTIONS##*log_path=}.1"',
                    r"FAIL +[0-9.]+ s +e2e/test_is_reported: a sanitizer reported\n +\| data race"),
}


def write_tree(root, files):
    for path, text in files.items():
        if text is None:
            continue
        os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def compile_core(root):
    for name in os.listdir(os.path.join(root, "hub/core")):
        if name.endswith(".c"):
            subprocess.run(["gcc", "-w", "-O1", "-fno-builtin", "-Ihub", "-I.", "-c", "hub/core/" + name, "-o",
                            name[:-2] + ".o"], cwd=root, check=True, stderr=subprocess.DEVNULL)


def run(check, files):
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, {**GOOD, **files})
        command = [os.path.join(HERE, check), "--root", root]
        if check == "layers":
            compile_core(root)
            command += ["--objects", "."]
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return found.returncode, found.stdout


def check_format():
    name, text, expected = FORMAT
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".control-") as folder:  # below our .clang-format
        write_tree(folder, {"x.c": text})
        found = subprocess.run([os.path.join(HERE, "format"), folder + "/x.c"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
    if found.returncode == 0 or expected not in found.stdout:
        print("format: \"%s\" passed:\n%s" % (name, found.stdout))
        return 1
    return 0


def check_runner():
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, {"Makefile": "all tests objects:\n", "tests/check/keep": ""})
        shutil.copy(os.path.join(HERE, "run"), os.path.join(root, "tests/check/run"))
        for name, (script, _) in RUNNER.items():
            path = "tests/e2e/test_%s.sh" % name
            write_tree(root, {path: "#!/bin/sh\n" + script + "\n"})
            os.chmod(os.path.join(root, path), 0o755)
        found = subprocess.run([os.path.join(root, "tests/check/run"), "e2e"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
    wrong = [name for name, (_, expected) in RUNNER.items() if not re.search(expected, found.stdout)]
    # The build counts as one that passed.
    if not re.search(r"^2 passed, 4 failed, 1 skipped in ", found.stdout, re.M) or found.returncode != 1:
        wrong.append("the summary")
    for name in wrong:
        print("run: %s is not told as it should be:\n%s" % (name, found.stdout))
    return len(wrong)


def main():
    wrong = 0
    for check, samples in (("layers", LAYERS), ("lint", LINT)):
        code, output = run(check, {})
        if code != 0:
            print("%s refuses a tree that is in order:\n%s" % (check, output))
            wrong += 1
        for name, files, expected in samples:
            code, output = run(check, files)
            if code != 1 or expected not in output:
                print("%s: \"%s\" should give \"%s\" and exit 1; exit %d and:\n%s" %
                      (check, name, expected, code, output))
                wrong += 1
    wrong += check_format() + check_runner()
    print("%d samples, %d wrong" % (len(LAYERS) + len(LINT) + 1 + len(RUNNER), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
