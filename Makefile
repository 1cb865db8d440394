# What a developer and CI run. `make` alone lists the targets.
.PHONY: help build engine test test-kubernetes test-long bench lint demo compose-secrets clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

build: ## bin/neverlapse-worker and bin/neverlapse; DNS=all: with every DNS provider of lego
	go build -trimpath $(if $(filter all,$(DNS)),-tags alldns) -o bin/neverlapse-worker ./worker
	go build -trimpath -o bin/neverlapse ./starter

engine: ## bin/neverlapse-engine, the embedded Temporal server; minutes the first time
	@mkdir -p bin
	@engine=$$(test/servers/build-engine.sh) && install -m 0755 "$$engine" bin/neverlapse-engine

test: ## install what the tests need, build it, run all tests
	@go build -o bin/runner ./test/runner && exec bin/runner

test-kubernetes: ## build the Kubernetes API server once, and test its target; make test does so from then on
	@go build -o bin/runner ./test/runner && exec bin/runner -stage kubernetes

test-long: ## the same with longer loops, and a minute for each fuzz target
	@go build -o bin/runner ./test/runner && exec bin/runner -long

bench: build ## renewals, beside lego, certmagic and the bare protocol; scans, beside bare handshakes; fleets
	@mkdir -p bin && go -C test/bench build -mod=mod -o ../../bin/ . ./scan ./fleet
	@bin/scan -write docs/PERFORMANCE.md
	@NEVERLAPSE_ENGINE=$$(test/servers/build-engine.sh) bin/bench -write docs/PERFORMANCE.md
	@NEVERLAPSE_ENGINE=$$(test/servers/build-engine.sh) bin/fleet -write docs/PERFORMANCE.md
	@go test -run '^$$' -bench . -benchmem ./internal/lifecycle

lint: ## gofmt, go vet, staticcheck, workflowcheck
	@test/lint/run.sh

demo: build engine ## Neverlapse on a stage, to watch and to break; HOSTS='www.example.com' are watched as well
	go run ./test/demo --hosts "$$HOSTS"

compose-secrets: ## deploy/compose/secrets, made once, for docker compose
	@deploy/compose/secrets.sh

clean: ## remove what was built here; the caches stay
	rm -rf bin dist
