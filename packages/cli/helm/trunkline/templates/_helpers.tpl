{{- define "trunkline.name" -}}
{{- if contains "trunkline" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-trunkline" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "trunkline.selector" -}}
app.kubernetes.io/name: trunkline
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trunkline.labels" -}}
{{ include "trunkline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The options of the router that follow from other values, and then those of `config`. */}}
{{- define "trunkline.config" -}}
listen: 0.0.0.0:7420
metrics: 0.0.0.0:{{ .Values.metrics.port }}
grace: {{ .Values.graceSeconds }}s
keyFile: /run/trunkline/key/router.key
{{- if .Values.tls.secret }}
tlsCert: /run/trunkline/tls/tls.crt
tlsKey: /run/trunkline/tls/tls.key
{{- end }}
{{- if .Values.tls.clientCaSecret }}
clientCa: /run/trunkline/client-ca/ca.crt
{{- end }}
{{- if .Values.policy }}
policy: /etc/trunkline/policy.yaml
{{- end }}
{{- with .Values.config }}
{{ toYaml . }}
{{- end }}
{{- end }}
