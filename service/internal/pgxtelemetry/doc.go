// Package pgxtelemetry makes spans and metrics of what a pgx pool does, by the OpenTelemetry conventions for databases.
package pgxtelemetry
