.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## run every test, with the race detector
	go test -race ./...

lint: ## vet the Go code
	go vet ./...

.PHONY: help test lint
