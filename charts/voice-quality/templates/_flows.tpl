{{/* Flows that more than one NetworkPolicy names. */}}

{{/* These ports, each once. */}}
{{- define "voice.tcp" -}}
{{- $ports := list }}
{{- range . }}{{ $ports = append $ports (int .) }}{{ end }}
{{- range uniq $ports }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "voice.toDns" -}}
# DNS
- ports:
    {{- range .Values.networkPolicies.ports.dns }}
    - {port: {{ int . }}, protocol: UDP}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{- define "voice.toMysql" -}}
# MySQL
- ports: {{- include "voice.tcp" (prepend .Values.networkPolicies.ports.mysql .Values.mysql.port) | nindent 4 }}
{{- end }}

{{- define "voice.toGrafana" -}}
# Grafana
- ports: {{- include "voice.tcp" (prepend .Values.networkPolicies.ports.grafana (include "voice.grafanaPort" .)) | nindent 4 }}
{{- end }}

{{- define "voice.toProviders" -}}
{{- $ports := list }}
{{- range $provider := .Values.portal.providers }}
  {{- range list "issuer" "graphUrl" }}
    {{- with get $provider . }}
      {{- $ports = append $ports (regexFind ":[0-9]+$" (urlParse (include "voice.url" .)).host | trimPrefix ":" | default "443") }}
    {{- end }}
  {{- end }}
{{- end }}
{{- if $ports }}
# providers of identity by OpenID Connect; by SAML, browsers alone go there
- ports: {{- include "voice.tcp" (concat $ports .Values.networkPolicies.ports.providers) | nindent 4 }}
{{- end }}
{{- end }}

{{- define "voice.fromPrometheus" -}}
# Prometheus
- ports: [{port: {{ .port }}, protocol: TCP}]
  from:
    {{- include "voice.testPod" .root | nindent 4 }}
    {{- with .root.Values.networkPolicies.metricsFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "voice.testPod" -}}
- {podSelector: {matchLabels: {{ include "voice.selector" (dict "root" . "name" "voice-quality-test") | fromYaml | toJson }}}}
{{- end }}
