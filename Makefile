# The doors of Couchkey. Each is one script; run it directly if you have no make.
.PHONY: help run platform check test bench prove fuzz check-targets icons
help: ## Say what can be done here
	@scripts/help
run: ## Install what is missing, build, open the app
	@scripts/run
platform: ## Build and run the service's own side: a server with its pages, as a demo on this machine
	@scripts/platform
check: ## Formatting, lints, types and unit tests: minutes
	@scripts/test check
test: ## Install what is missing, run every check and every test
	@scripts/test
bench: ## Measure speed and memory, and how many QR codes are read
	@scripts/bench
prove: ## The long proofs that nothing is lost: hours
	@scripts/prove
fuzz: ## Throw hostile bytes at every reader, a minute each
	@scripts/fuzz
check-targets: ## Type-check the libraries for Android and Windows
	@scripts/check-targets
icons: ## Draw the icon files again from icons/*.svg
	@scripts/icons
