# dashkeep. `make` alone lists the targets. Everything a target needs and this
# machine lacks is installed by the target itself (apt-get when root, PyPI for the
# real Superset); nothing else is assumed of the environment.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
LAB := testdata/superset-lab/superset-lab
# packages with tests against real servers (named Live or E2E), in two lanes at the
# same time, each with two servers of its own, because a Superset uses one core; in a
# lane one after the other, because they wipe the same servers
LANE1 := ./internal/platform/superset
LANE2 := ./internal/platform/superset/supersettest/... ./cmd/dashkeep/... $(if $(wildcard e2e),./e2e/...)
LIVE_RUN := Live|E2E
# The older Supersets of e2e and of e2e-all, what of the above runs on two servers of
# one of them (FEW: the cases of the suite that e2e has time for), and what runs on
# the newest and one of them.
OLDER := 4.1.4
OLDER_ALL := 4.1.4 5.0.0 6.0.0
OLDER_RUN := Live|E2E_(EqualBytes|Acceptance)
OLDER_FEW := ConformanceLive/(ping|list|export_twice|round|second|one_bad)|E2E_EqualBytes|MirrorsAnyRelease|Live(Clash|F1_|F17)
MIXED_RUN := E2E_NewerIntoOlder
# what needs metadata in PostgreSQL, on two servers of each version
POSTGRES_ALL := 6.1.0 $(OLDER_ALL)
POSTGRES_RUN := LiveF8_DatasetsOfOneName

# tests that run the whole program, or kill it, by the hundred, measure memory, or go
# through every kind of server: without the race detector, under which they skip
NO_RACE := UndoAfterKill|CR1|CR3|CR7_stopped|NB5|TM2|CC1_(twoMachinesRace|holder)|CC2_person|CR4|CR6|DK1|SE1_SE2|Picture|Loop_(Acceptance|LeastPrivilege|EqualBytes|NewerInto|ChangedPull|NoChangePull)|TestScript/(prune|conflict|rights|undo|policies|check-repo|signing|afterwards|refused-writes|inbox|stranger|remote|saved-plan|dirty-file)|ChangedMissesNothing|BundlesAreNoBombs|TestMany|ConformanceSimulator/(10,000|a_broken)|ConformanceOlder|ConformanceRights|TestPublicRoleHides|TestConformance$$

# Seconds each part may take; over it the part fails. They are there to notice a
# hang, not to measure: about three times what an idle machine with 2 cores takes.
# Aims on such a machine, .ci/run in all 25 minutes: vet 60, test 300, kills 180,
# histories 90, lab 60 (both), e2e 500, e2e 4.1.4 and to 4.1.4 150.
BUDGET_FORMAT ?= 60
BUDGET_VET ?= 240
BUDGET_TEST ?= 1000
BUDGET_KILLS ?= 500
BUDGET_HISTORIES ?= 400
BUDGET_LAB ?= 600
BUDGET_E2E ?= 1500
BUDGET_OLDER ?= 400
BUDGET_TORTURE ?= 3600
BUDGET_POWERCUT ?= 1800
BUDGET_FUZZ ?= 1800
BUDGET_BENCH ?= 900
FUZZTIME ?= 20s
# of torture: how many kills, and which (0: another one each time; it is printed)
KILLS ?= 1000
SEED ?= 0

# $(call part,NAME,SECONDS,COMMAND) runs a command and prints how long it took.
define part
start=$$SECONDS; rc=0
timeout --foreground -k 30 $(2) $(3) || rc=$$?
note=ok; [ $$rc = 0 ] || note="FAILED ($$rc)"; [ $$rc != 124 ] || note="FAILED: over its budget of $(2) s"
printf '%-9s %4d s  %s\n' "$(1)" $$((SECONDS - start)) "$$note" >&2
[ $$rc = 0 ]
endef

# $(call torture,KILLS,SEED,SECONDS) is CR2 with the real program as a child process
torture = $(call part,torture,$(3),bash -o pipefail -c "$(GO) test -v -count=1 -timeout $(3)s -parallel 4 -run CR2 ./cmd/dashkeep -args -kills=$(1) -kill-seed=$(2) | grep -vE '^=== '")

# $(call lanes,NAME,ENV,RUN) runs those tests of both lanes.
define lanes
( $(call part,$(1) a,$(BUDGET_E2E),env $(2) $(LAB) pair $(GO) test -p 1 -count=1 -timeout $(BUDGET_E2E)s -run '$(3)' $(LANE1)) ) & a=$$!
( $(call part,$(1) b,$(BUDGET_E2E),env $(2) $(LAB) pair $(GO) test -p 1 -count=1 -timeout $(BUDGET_E2E)s -run '$(3)' $(LANE2)) ) & b=$$!
lanes=0; wait $$a || lanes=1; wait $$b || lanes=1
[ $$lanes = 0 ]
endef

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## the program, into bin/
	@$(GO) build -o bin/dashkeep ./cmd/dashkeep

check: tools ## format, vet, all tests with the race detector on simulated servers
	@$(call part,format,$(BUDGET_FORMAT),bash -c 'out=$$(gofmt -l $$(git ls-files "*.go" 2>/dev/null || find . -name "*.go")); [ -z "$$out" ] || { echo "not formatted:"; echo "$$out"; exit 1; }')
	$(call part,vet,$(BUDGET_VET),$(GO) vet ./...)
	$(call part,test,$(BUDGET_TEST),env -u DASHKEEP_TEST_SUPERSET_URL -u DASHKEEP_TEST_SUPERSET_URL2 DASHKEEP_REQUIRE_PYYAML=1 PATH="$$PWD/.cache/bin:$$PATH" GORACE=atexit_sleep_ms=20 $(GO) test -race -timeout $(BUDGET_TEST)s ./...)
	$(call part,kills,$(BUDGET_KILLS),env -u DASHKEEP_TEST_SUPERSET_URL -u DASHKEEP_TEST_SUPERSET_URL2 $(GO) test -count=1 -timeout $(BUDGET_KILLS)s -run '$(NO_RACE)' ./repo ./cmd/dashkeep ./internal/platform/...)
	$(call torture,100,0,$(BUDGET_TEST))
	$(call part,histories,$(BUDGET_HISTORIES),bash -o pipefail -c "$(GO) test -v -count=1 -timeout $(BUDGET_HISTORIES)s -run CC4 ./sync -args -histories=20000 -git-histories=300 | grep -vE '^=== |^ +--- PASS|rapid. OK'")

test: ## all tests, quickly: no race detector, what is missing is skipped
	@$(GO) test ./...

e2e: ## the same promises on two real Superset 6.1.0, a part on 4.1.4; installed on first use
	@$(call part,lab,$(BUDGET_LAB),$(LAB) install $${VERSION:-6.1.0} $(OLDER))
	$(call lanes,e2e,VERSION=,$(LIVE_RUN))

	$(MAKE) OLDER_ALL='$(OLDER)' OLDER_RUN='$(OLDER_FEW)' older

e2e-all: ## the same, and all that runs on older Supersets, on each version; a part on PostgreSQL
	@$(MAKE) OLDER= e2e
	$(MAKE) older
	$(MAKE) postgres

# for each of OLDER_ALL: installed on first use, two of it, and it beside the newest
older:
	@for v in $(OLDER_ALL); do
		$(call part,lab $$v,$(BUDGET_LAB),env VERSION=$$v $(LAB) install)
		$(call lanes,e2e $$v,VERSION=$$v,$(OLDER_RUN))
		$(call part,to $$v,$(BUDGET_OLDER),env VERSION2=$$v $(LAB) pair $(GO) test -count=1 -timeout $(BUDGET_OLDER)s -run '$(MIXED_RUN)' ./cmd/dashkeep)
	done

# two datasets of one name, which SQLite metadata do not allow
postgres:
	@for v in $(POSTGRES_ALL); do
		$(call part,postgres $$v,$(BUDGET_OLDER),env VERSION=$$v METADATA=postgresql $(LAB) pair $(GO) test -count=1 -timeout $(BUDGET_OLDER)s -run '$(POSTGRES_RUN)' ./internal/platform/superset)
	done

fuzz: tools ## a million values through the canonical form; every fuzz target for FUZZTIME
	@$(call part,values,$(BUDGET_FUZZ),env DASHKEEP_REQUIRE_PYYAML=1 PATH="$$PWD/.cache/bin:$$PATH" $(GO) test -count=1 -v -run TestYM1 ./internal/asset -values 1000000)
	for pkg in $$($(GO) list ./...); do
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do
			$(call part,$$f,$(BUDGET_FUZZ),$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg)
		done
	done

# FILES are the sizes of the repositories, ROUNDS how often each is measured.
FILES ?= 1000,10000,50000
ROUNDS ?= 5

bench: ## speed: ratios to native git (FILES=1000,10000,50000), growth, code, and a full pull against the bare export of a real Superset
	@$(call part,git,$(BUDGET_BENCH),$(GO) test -timeout $(BUDGET_BENCH)s -run '^$$' -bench 'VersusGit|Push|Growth' -benchtime 1x ./repo -files $(FILES) -rounds $(ROUNDS))
	$(call part,code,$(BUDGET_BENCH),$(GO) test -run '^$$' -bench . -benchmem $$($(GO) list ./... | grep -v '/repo$$'))
	$(call part,pull,$(BUDGET_BENCH),$(LAB) pair $(GO) test -run '^$$' -bench FullPull -benchtime 1x ./cmd/dashkeep)

faults: tools ## every kill point of the crash tests instead of a sample
	@$(call part,faults,$(BUDGET_TEST),env DASHKEEP_TEST_FULL=1 $(GO) test -count=1 -timeout $(BUDGET_TEST)s ./repo)

torture: tools ## KILLS (1,000) kills of the whole cycle: nothing acknowledged is lost, nothing is sent twice
	@$(call torture,$(KILLS),$(SEED),$(BUDGET_TORTURE))

powercut: tools ## root: power cuts on a loop device, and after every step on a disk that forgets
	@$(call part,powercut,$(BUDGET_POWERCUT),bash -o pipefail -c "env DASHKEEP_POWERCUT=1 DASHKEEP_TEST_FULL=1 $(GO) test -v -count=1 -timeout $(BUDGET_POWERCUT)s -run CR4 ./repo | grep -vE '^=== '")

demo: ## the whole story in seconds, on embedded parts
	@$(GO) run ./cmd/dashkeep demo

new-platform: ## NAME=grafana: the skeleton of a connector for another BI server (docs/adding-a-platform.md)
	@$(GO) run ./internal/platform/scaffold/newplatform "$(NAME)"

# What tests call: git, a C compiler for the race detector, strace for the kill
# tests, python3 with PyYAML for reading back what Superset would read.
tools:
	@need=
	command -v git >/dev/null || need+=" git"
	command -v gcc >/dev/null || need+=" gcc libc6-dev"
	command -v strace >/dev/null || [ "$$(uname)" != Linux ] || need+=" strace"
	python3 -c 'import yaml' 2>/dev/null || need+=" python3 python3-yaml"
	if [ -n "$$need" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		{ apt-get update -q && apt-get install -qy $$need; } >&2 || true
	fi
	mkdir -p .cache/bin; rm -f .cache/bin/python3
	if ! python3 -c 'import yaml' 2>/dev/null; then
		py=$$($(LAB) python) # Superset brings PyYAML along
		printf '#!/bin/sh\nexec "%s" "$$@"\n' "$$py" > .cache/bin/python3
		chmod +x .cache/bin/python3
	fi
	for t in git gcc; do command -v $$t >/dev/null || { echo "make: $$t is needed and could not be installed" >&2; exit 1; }; done

clean: ## build results; the installed Superset stays (rm -rf .cache removes it)
	@rm -rf bin .cache/bin

.PHONY: help build check test e2e e2e-all older postgres fuzz bench faults torture powercut demo new-platform tools clean
