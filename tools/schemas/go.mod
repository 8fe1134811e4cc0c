module github.com/kgate-dev/gitops/tools/schemas

go 1.26.7

require (
	github.com/kgate-dev/gitops v0.0.0
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/mod v0.42.0
)

require github.com/klauspost/compress v1.20.3 // indirect

replace github.com/kgate-dev/gitops => ../..
