# SPDX-License-Identifier: EUPL-1.2
# Knooppunt. `make help` lists the targets. Each target installs what it needs first (deploy/setup).
#   V=1           show the commands
#   VARIANT=name  release (default), fault, asan, tsan, valgrind, coverage, fuzz: how the code is compiled
#   CC=clang      the other compiler
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# All processors, unless the caller says how many.
jobs := $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
MAKEFLAGS += $(jobs)
export LC_ALL := C

V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@echo "  $(1)")
VARIANT ?= release
CC := $(if $(filter default undefined,$(origin CC)),$(if $(filter fuzz,$(VARIANT)),clang,gcc),$(CC))
VERSION := $(shell cat VERSION)

# Objects of two variants or two compilers never meet: each has its own folder below build/.
is_gcc := $(findstring gcc,$(CC))
OUT := build/$(VARIANT)$(if $(is_gcc)$(filter fuzz,$(VARIANT)),,-$(notdir $(CC)))
BIN := $(if $(filter build/release,$(OUT)),build/bin,$(OUT)/bin)

# --- flags ---------------------------------------------------------------------------------------------------------
warnings := -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
    -Wswitch-enum -Wvla -Wdate-time -Wundef -Wcast-qual -Wwrite-strings -Wnull-dereference
warnings += $(if $(is_gcc),-Wbidi-chars=any)
# The sanitizers make gcc see overlaps and cuts that are not there: its own manual says so.
warnings += $(if $(CI),$(if $(filter release fault,$(VARIANT)),-Werror))
hardening := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
# Not in the variants that look for uninitialised reads: it would hide them.
hardening += $(if $(is_gcc),-ftrivial-auto-var-init=zero)
optimise_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(hardening)
optimise_fault := $(optimise_release) -DKP_CRASH_POINTS
optimise_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DKP_CRASH_POINTS
optimise_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
optimise_valgrind := -O1 -g -fno-omit-frame-pointer
optimise_coverage := -O0 -g --coverage
optimise_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
link_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack
link_fault := $(link_release)
link_asan := -fsanitize=address,undefined
link_tsan := -fsanitize=thread
link_coverage := --coverage
link_fuzz := -fsanitize=address,undefined
$(if $(optimise_$(VARIANT)),,$(error VARIANT=$(VARIANT) is not one of: release fault asan tsan valgrind coverage fuzz))

CFLAGS_ALL := -std=gnu11 -pthread $(warnings) $(optimise_$(VARIANT)) -fno-strict-aliasing \
    -ffile-prefix-map=$(CURDIR)=. -DKP_VERSION='"$(VERSION)"' $(CFLAGS)
INCLUDES := -Ihub -Iadapters -Iinclude -I. -I$(OUT)/gen -I/usr/include/libxml2
# Generated code is not held to our warnings.
CFLAGS_GENERATED := -std=gnu11 $(optimise_$(VARIANT)) -fno-strict-aliasing -w -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
LIBS := -lzmq -lprotobuf-c -llmdb -lxml2 -lyaml -ljansson -lcsv -lutf8proc -lssl -lcrypto -lm -pthread

# --- sources: every file that stands in its folder is taken up ----------------------------------------------------
protos := $(sort $(wildcard proto/knooppunt/v1/*.proto))
generated_c := $(protos:proto/%.proto=$(OUT)/gen/%.pb-c.c)
generated_h := $(generated_c:.c=.h)
# Everything but the programs' own main files goes into one archive: the linker takes what a program uses.
library_c := $(sort $(wildcard hub/*/*.c hub/*/*/*.c proto/*.c config/*.c adapters/runtime/*.c adapters/politie/*.c \
    adapters/om/*.c adapters/reclassering/*.c adapters/jeugdzorg/*.c adapters/mapped/*.c adapters/link/*.c adapters/desk/*.c))
hub_c := $(sort $(wildcard hub/*.c))
adapter_c := $(wildcard adapters/main.c)
cli_c := $(sort $(wildcard adapters/cli/*.c))
unit_c := $(sort $(wildcard tests/unit/test_*.c tests/core/test_*.c))
# What several tests stand on: in those folders, a source that is no test itself.
harness_c := $(filter-out %_shim.c,$(sort $(filter-out tests/core/test_% tests/fault/test_%,\
    $(wildcard tests/core/*.c tests/fault/*.c))))
# Preloaded into a program under test; a sanitizer's own interception does not bear them.
shim_c := $(if $(filter asan tsan fuzz,$(VARIANT)),,$(wildcard tests/fault/*_shim.c))
tool_c := $(sort $(wildcard tests/fault/test_*.c tests/bench/*.c tests/e2e/*.c))
fuzz_c := $(sort $(wildcard tests/fuzz/fuzz_*.c tests/fuzz/control.c))

object = $(patsubst %.c,$(OUT)/%.o,$(1))
library := $(OUT)/libknooppunt.a
harness := $(OUT)/tests/libharness.a
library_o := $(call object,$(library_c)) $(generated_c:.c=.o)
program_o := $(call object,$(hub_c) $(adapter_c) $(cli_c))
programs := $(if $(hub_c),$(BIN)/knooppunt-hub) $(if $(adapter_c),$(BIN)/knooppunt-adapter) \
    $(if $(cli_c),$(BIN)/knooppunt)
unit_bin := $(unit_c:tests/%.c=$(OUT)/tests/%)
tool_bin := $(tool_c:tests/%.c=$(OUT)/tests/%)
fuzz_bin := $(fuzz_c:tests/%.c=$(OUT)/tests/%)
shim_so := $(shim_c:tests/%.c=$(OUT)/tests/%.so)

# --- targets -------------------------------------------------------------------------------------------------------
.PHONY: all tests unit objects fuzzers setup demo run bench check analyze coverage format clean help force
.PHONY: check-%
all: $(programs) ## build the programs into build/bin
tests: $(unit_bin) $(tool_bin) $(shim_so) ## build the test programs
fuzzers: $(fuzz_bin)
objects: $(library_o) $(program_o)

demo: all ## the whole story on the example house, checked; leaves nothing running
	$(Q)deploy/setup demo
	$(Q)KNOOPPUNT_BIN=$(CURDIR)/$(BIN) tests/e2e/demo
run: all ## the example house, to try by hand; stays up until Ctrl-C
	$(Q)deploy/setup demo
	$(Q)KNOOPPUNT_BIN=$(CURDIR)/$(BIN) tests/e2e/demo --stay
bench: ## measure; writes build/bench.json (PEERS="redis postgres" PEERS_DIR=... runs those beside it)
	$(Q)deploy/setup build test
	$(Q)$(MAKE) -j2 all tests
	$(Q)KNOOPPUNT_BIN=$(CURDIR)/$(BIN) KNOOPPUNT_TESTS=$(CURDIR)/$(OUT)/tests tests/bench/run

check: ## everything that must hold, one line a test (tests/check/README.md)
	$(Q)deploy/setup build demo test
	$(Q)tests/check/run
check-%: ## one part of it: check-layers, -lint, -format, -asan, -tsan, -fault, -sim, -e2e, ...
	$(Q)deploy/setup build demo test
	$(Q)tests/check/run $*
unit: $(unit_bin) ## run the unit tests of this VARIANT, with their output
	@set -e; for test in $(unit_bin); do echo "  TEST    $$test"; $$test; done
fuzz: ## fuzz every parser, FUZZ_SECONDS each (20)
	$(Q)deploy/setup build test
	$(Q)tests/check/run fuzz

analyze: ## gcc -fanalyzer, clang-tidy and cppcheck over our sources
	$(Q)deploy/setup build analysis test
	$(Q)tests/check/analyze
coverage: ## branch coverage of the tests, per file; build/coverage.html
	$(Q)deploy/setup build demo test analysis
	$(Q)tests/check/coverage
format: ## format the sources
	$(Q)deploy/setup analysis
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')
clean: ## remove build/
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 20
setup: ## install the packages that a build needs (deploy/setup installs all)
	$(Q)deploy/setup build $(if $(is_gcc),,test) $(if $(filter tests unit fuzzers,$(MAKECMDGOALS)),test)

# --- rules ---------------------------------------------------------------------------------------------------------
# The flags in force: objects made with others are made again.
$(OUT)/flags: export flags_now = $(CC) $(CFLAGS_ALL) $(link_$(VARIANT))
$(OUT)/flags: force
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = "$$flags_now" ] || echo "$$flags_now" >$@
# A source that is gone leaves the archive too.
$(OUT)/members: export members_now = $(library_o)
$(OUT)/members: force
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = "$$members_now" ] || echo "$$members_now" >$@

$(OUT)/gen/%.pb-c.c $(OUT)/gen/%.pb-c.h: proto/%.proto | setup
	@mkdir -p $(OUT)/gen
	$(call say,PROTO   $<)
	$(Q)protoc-c --proto_path=proto --c_out=$(OUT)/gen $<

$(OUT)/gen/%.o: $(OUT)/gen/%.c $(generated_h) $(OUT)/flags | setup
	$(Q)$(CC) $(CFLAGS_GENERATED) $(INCLUDES) -c $< -o $@

$(OUT)/%.o: %.c $(OUT)/flags | setup $(generated_h)
	@mkdir -p $(@D)
	$(call say,CC      $<)
	$(Q)$(CC) $(CFLAGS_ALL) $(INCLUDES) -MMD -MP -c $< -o $@

$(library): $(library_o) $(OUT)/members
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(library_o)

$(harness): $(call object,$(harness_c))
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

define link
	@mkdir -p $(@D)
	$(call say,LINK    $@)
	$(Q)$(CC) $(link_$(VARIANT)) -o $@ $(filter %.o,$^) $(filter $(harness),$^) $(library) $(LIBS) $(1)
endef
$(BIN)/knooppunt-hub: $(call object,$(hub_c)) $(library)
	$(call link)
$(BIN)/knooppunt-adapter: $(call object,$(adapter_c)) $(library)
	$(call link)
$(BIN)/knooppunt: $(call object,$(cli_c)) $(library)
	$(call link)
$(unit_bin) $(tool_bin): $(OUT)/tests/%: $(OUT)/tests/%.o $(harness) $(library)
	$(call link,-lcmocka)
$(shim_so): $(OUT)/tests/%.so: tests/%.c $(OUT)/flags | setup
	@mkdir -p $(@D)
	$(call say,LINK    $@)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl
$(fuzz_bin): $(OUT)/tests/%: $(OUT)/tests/%.o $(library)
	$(call link,-fsanitize=fuzzer)

-include $(patsubst %.o,%.d,$(filter-out $(OUT)/gen/%,$(library_o)) $(program_o) \
    $(call object,$(unit_c) $(harness_c) $(tool_c) $(fuzz_c)))
