# Everything here needs Go, git and make; `test` also needs gcc, for the race detector, and the programs of a PostgreSQL
# server, which it starts itself; `conformance` also needs etcd. Outside tools are pinned by the go.mod files below
# tools/pinned and built once into .cache/bin.

.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail
.DELETE_ON_ERROR:

MODULES := . tools/schemas tools/conformance
PINNED  := tools/conformance/apiserver tools/pinned/collector tools/pinned/lint tools/pinned/pipeline
TOOLS   := $(CURDIR)/.cache/bin

# A binary that was built by another Go may misread what this one compiles.
GO_VERSION := $(shell go env GOVERSION)
VERSION     = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The binary, vet and staticcheck read the same compiled packages: with the same flags, they are compiled once.
STATIC := CGO_ENABLED=0 GOFLAGS="$(shell go env GOFLAGS) -trimpath -buildvcs=false"

# The least part of the rules' lines that their tests must reach, in percent.
REGO_COVERAGE := 99

# Tests of which the race detector, which makes them many times slower, sees a part: `test` runs them again whole.
SAMPLED := TestComponentsLeft|TestMutations|TestMutationsOfEveryKind|TestNewOfThisRepository|TestREADMERecipes|TestScript|TestUndoneRenames|TestUpdates|TestVerdicts

# What a change must pass, the quick first. The jobs of .github/workflows/ci.yaml are the same.
CI_TARGETS := lint policy validate schemas-check renamed test fuzz-unguided

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/kgate, one static binary
	@$(STATIC) go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/kgate ./tools/kgate

.PHONY: validate
validate: build ## render and check every overlay and the Argo CD tree (ARGS: further arguments)
	@bin/kgate validate $(ARGS)

.PHONY: test
test: collector ## run every Go test, with the race detector where there is a C compiler; what that samples, once more whole
	@race=-race; command -v $$(go env CC) >/dev/null || { race=; echo "no C compiler: the tests run WITHOUT the race detector"; }; \
	set -e; for module in $(MODULES); do echo "go test $$race ./... ($$module)"; go -C $$module test $$race -timeout 40m ./...; done; \
	if [ -n "$$race" ]; then echo "go test: all of $(SAMPLED)"; \
	$(STATIC) go test -timeout 40m -run '^($(SAMPLED))$$' ./tools/kgate ./tools/internal/admission; fi

# The tests that read names in the tree, and not only files of it.
.PHONY: test-names
test-names:
	@$(STATIC) go test -vet=off ./overlays ./compose ./service/internal/config
	@$(STATIC) go test -vet=off -run 'Manifests|Scraped|Exemplars|ArgoCD' ./service
	@$(STATIC) go test -vet=off -run 'PromotionOfTree' ./tools/internal/gate
	@$(STATIC) go test -vet=off -run 'READMERecipes|Codeowners' ./tools/kgate

.PHONY: renamed
renamed: build collector ## give a copy of the last commit other names, and run there what reads the tree (ALL=1: every test, with another Go module)
	@.ci/renamed

.PHONY: mutations
mutations: ## edit every line of the manifests in every way known, one at a time: does a finding name it? (five minutes)
	@$(STATIC) go test ./tools/kgate -run "TestMutations|TestUndoneRenames" -mutations 0 -timeout 2h -v

.PHONY: fuzz
fuzz: ## drive random hostile trees through validate, confined, and compare both readings of a kustomization (FUZZTIME)
	@go test ./tools/kgate -run '^$$' -fuzz FuzzValidate -fuzztime $(or $(FUZZTIME),30s) -fuzzminimizetime 5x
	@go test ./tools/internal/kustomization -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),30s) -fuzzminimizetime 5x

# The same without coverage's guidance, for which all of Kubernetes would be compiled once more.
.PHONY: fuzz-unguided
fuzz-unguided:
	@mkdir -p .cache/fuzz
	@$(STATIC) go test -c -o .cache/fuzz/kgate.test ./tools/kgate
	@cd tools/kgate && ../../.cache/fuzz/kgate.test -test.run '^$$' -test.fuzz FuzzValidate -test.fuzztime $(or $(FUZZTIME),30s) -test.fuzzcachedir $(CURDIR)/.cache/fuzz/corpus
	@$(STATIC) go test -c -o .cache/fuzz/kustomization.test ./tools/internal/kustomization
	@cd tools/internal/kustomization && ../../../.cache/fuzz/kustomization.test -test.run '^$$' -test.fuzz FuzzDecode -test.fuzztime $(or $(FUZZTIME),30s) -test.fuzzcachedir $(CURDIR)/.cache/fuzz/corpus

.PHONY: policy
policy: build ## compile the Rego rules strictly, run their tests, hold their coverage
	@bin/kgate policy test --coverage $(REGO_COVERAGE)

.PHONY: rules
rules: ## write docs/rules, the pages of rules, anew; `test` fails when they are not what the rules say
	@mkdir -p docs/rules && $(STATIC) go test ./tools/kgate -run TestPagesOfRules -update

.PHONY: configuration
configuration: ## write the JSON Schema of kgate.yaml and docs/configuration.md anew; `test` fails when they are not what is read
	@$(STATIC) go test ./tools/internal/repo -run TestPublished -update

.PHONY: lint
lint: $(TOOLS)/.lint-$(GO_VERSION) ## check format, go.mod files, Go code, Rego, workflows and scripts; look up known vulnerabilities
	@files=$$(gofmt -l $(MODULES)); test -z "$$files" || { printf 'not as gofmt writes it:\n%s\n' "$$files"; exit 1; }
	@set -e; for module in $(MODULES) $(PINNED); do echo "go mod tidy -diff ($$module)"; go -C $$module mod tidy -diff; done
	@set -e; for module in $(MODULES); do \
		echo "go vet, staticcheck ($$module)"; cd $(CURDIR)/$$module; \
		$(STATIC) go vet ./...; $(STATIC) $(TOOLS)/staticcheck ./...; done
	@echo "opa fmt, opa check --strict"
	@$(TOOLS)/opa fmt --diff --fail policies
	@$(TOOLS)/opa check --strict policies
	@echo "actionlint"
	@$(TOOLS)/actionlint
	@if command -v shellcheck >/dev/null; then echo "shellcheck"; git grep -lE '^#!/.*\b(ba)?sh$$' -- ':!*.go' ':!*.txtar' | xargs shellcheck; \
	else echo "shellcheck: LEFT OUT, of workflows too: it is not installed (Debian and Ubuntu: apt-get install shellcheck)"; test "$$CI" != true; fi
	@if timeout 20 $(TOOLS)/govulncheck -version 2>/dev/null | grep -q '^DB updated'; then \
		for module in $(MODULES); do echo "govulncheck ($$module)"; (cd $$module && $(TOOLS)/govulncheck ./...) || exit; done; \
	else echo "govulncheck: LEFT OUT, its database https://vuln.go.dev cannot be reached from here"; fi

.PHONY: ci
ci: ## all that a change must pass, once it is committed; .ci/run installs what that needs and runs this
	@.ci/steps $(CI_TARGETS)

.PHONY: image
image: ## build the service's image, go-otlp-app:VERSION
	@DOCKER_BUILDKIT=1 $(or $(DOCKER),docker) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg BUILD_TIME=$$(git log -1 --format=%cI) -t go-otlp-app:$(VERSION) .

.PHONY: up
up: ## start the service with its whole stack, compose.yaml; secrets are made into .env where it is missing
	@sh compose/env.sh .env
	@VERSION=$(VERSION) REVISION=$$(git rev-parse HEAD) BUILD_TIME=$$(git log -1 --format=%cI) docker compose up --build --wait

.PHONY: down
down: ## stop the stack; its volumes stay (docker compose down --volumes removes them)
	@sh compose/env.sh .env
	@docker compose down

.PHONY: collector
collector: $(TOOLS)/.collector-$(GO_VERSION) ## build .cache/bin/otelcol, the Collector that the tests check configurations with

.PHONY: schemas
schemas: ## make the embedded schemas, definitions and types anew from their pinned modules
	@cd tools/schemas && $(STATIC) go run .
	@cd tools/internal/admission/typed && $(STATIC) go run ./generate

.PHONY: schemas-check
schemas-check: ## fail if the embedded schemas, definitions and types differ from what their pinned modules give
	@cd tools/schemas && $(STATIC) go run . -check
	@cd tools/internal/admission/typed && $(STATIC) go run ./generate -check

.PHONY: pgo
pgo: ## profile the service under load anew, for service/default.pgo
	@mkdir -p .cache && go build -o .cache/bench-service ./service/bench && .cache/bench-service profile -for 20s

.PHONY: bench
bench: bench-kgate bench-service ## measure both: kgate and the service

# A variable of its own: within $(or …) the commas would part its sizes.
SIZES ?= 10000,200000,1000000

.PHONY: bench-service
bench-service: ## load the service: against a bare handler, telemetry on and off, with and without its profile; with up to a million releases (SIZES)
	@mkdir -p .cache && go build -o .cache/bench-service ./service/bench
	@.cache/bench-service compare -rounds $(or $(ROUNDS),7)
	@.cache/bench-service memory -for 60s
	@.cache/bench-service growth -sizes $(SIZES)

.PHONY: bench-kgate
bench-kgate: build $(TOOLS)/.pipeline-$(GO_VERSION) ## time kgate against kustomize, kubeconform, conftest and dyff (ROUNDS=10)
	@mkdir -p .cache && go build -o .cache/bench ./tools/bench && .cache/bench -rounds $(or $(ROUNDS),10)
	@go test -run '^$$' -bench . -benchmem ./tools/...

.PHONY: conformance
conformance: ## let a real kube-apiserver judge what kgate and kubeconform judge (SEED, MUTANTS; RECORD=1 keeps its verdicts)
	@mkdir -p .cache && go -C tools/conformance build -o $(CURDIR)/.cache/conformance .
	@.cache/conformance -policies $(if $(RECORD),-record)
	@.cache/conformance -updates -seed $(or $(SEED),1) $(if $(RECORD),-record)
	@.cache/conformance -seed $(or $(SEED),1) -mutants $(or $(MUTANTS),60) $(if $(RECORD),-record) $(ARGS)

.PHONY: argocd-conformance
argocd-conformance: ## record what Argo CD's own code makes of the ApplicationSets that `test` compares with (by hand: it fetches Go 1.27, which Argo CD wants)
	@mkdir -p .cache && GOTOOLCHAIN=auto go -C tools/conformance/argocd build -o $(CURDIR)/.cache/argocd-conformance .
	@.cache/argocd-conformance tools/internal/applicationset/testdata/*.txtar && git diff --stat -- tools/internal/applicationset/testdata

.PHONY: clean
clean: ## remove what was built, the pinned tools included
	@rm -rf bin .cache

# Not a tool of another module: a main package of its own.
$(TOOLS)/.collector-$(GO_VERSION): tools/pinned/collector/main.go tools/pinned/collector/go.mod tools/pinned/collector/go.sum
	@echo "building the Collector that tools/pinned/collector pins: minutes, once"
	@mkdir -p $(TOOLS)
	@rm -f $(TOOLS)/.collector-*
	@CGO_ENABLED=0 go build -C tools/pinned/collector -trimpath -buildvcs=false -ldflags '-s -w' -o $(TOOLS)/otelcol .
	@touch $@

# One stamp a module of tools: they are built again when a pin or Go changes, and only then.
$(TOOLS)/.%-$(GO_VERSION): tools/pinned/%/go.mod tools/pinned/%/go.sum
	@echo "building the tools that $< pins"
	@mkdir -p $(TOOLS)
	@rm -f $(TOOLS)/.$*-*
	@CGO_ENABLED=0 go build -C tools/pinned/$* -trimpath -o $(TOOLS)/ tool
	@touch $@
