# make run: try it. make test: everything that CI runs. Both set up what they need.
.PHONY: run test check setup
run:
	@tools/setup run
	@.venv/bin/firmware-agent demo
test: setup
	@tools/test
check: setup
	@tools/check
setup:
	@tools/setup test
