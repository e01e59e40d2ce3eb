tool = go tool -modfile=$(CURDIR)/messages/tools/go.mod

.PHONY: proto
proto: ## regenerate messages/*.pb.go from messages/*.proto
	cd messages && $(tool) buf generate
