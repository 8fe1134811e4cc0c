package policies.lib.endpoint_test

import data.policies.lib.endpoint

test_parse[text] if {
	some text, want in {
		"otel-collector.observability:4317": ["otel-collector.observability", 4317],
		"http://otel-collector.observability:4318": ["otel-collector.observability", 4318],
		"http://tempo.tempo.svc.cluster.local:4318/v1/traces": ["tempo.tempo.svc.cluster.local", 4318],
		"https://api.example.com": ["api.example.com", 443],
		"http://Loki/push": ["loki", 80],
		"dns:///tempo.tempo:4317": ["tempo.tempo", 4317],
		"127.0.0.1:4317": ["127.0.0.1", 4317],
		"http://tempo.tempo.svc.cluster.local.:4318": ["tempo.tempo.svc.cluster.local", 4318],
		"https://otlp.example.com./otlp": ["otlp.example.com", 443],
		"http://[fd00:10:96::12]:4318": ["fd00:10:96::12", 4318],
		"[::1]:4317": ["::1", 4317],
		"dns://10.96.0.10/tempo.tempo:4317": ["tempo.tempo", 4317],
		"dns://10.96.0.10:53/tempo.tempo.:4317": ["tempo.tempo", 4317],
		"http://user:secret@tempo:4318": ["tempo", 4318],
		"http://tempo:4318?x=1": ["tempo", 4318],
		"HTTP://tempo": ["tempo", 80],
	}
	endpoint.parse(text) == {"host": want[0], "port": want[1]}
}

test_parse_refuses[text] if {
	some text in ["", "tempo", "grpc://tempo", "tempo:", "tempo:port", "tempo:123456", "$(HOST):4317", "${env:HOST}:4317", "a b:1", "http://", "dns://10.96.0.10/tempo", "dns://10.96.0.10:53", "[::1", "tempo..:1", 1, null, ["tempo:1"], {}]
	not endpoint.parse(text)
}
