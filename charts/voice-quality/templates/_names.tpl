{{/* What everything of the chart is called, and labelled. One release in a namespace: names of objects are fixed. */}}

{{- define "voice.chartLabels" -}}
app.kubernetes.io/part-of: voice-quality
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* metadata of an object: .root, .name; .labels and .annotations of its own, if any. The chart's own labels win. */}}
{{- define "voice.metadata" -}}
name: {{ .name }}
labels:
  {{- merge (include "voice.chartLabels" .root | fromYaml) (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What tells the pods of .name from all others of the namespace. A Deployment can never change it. */}}
{{- define "voice.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end }}

{{/* Roles that belong to no namespace are called after the release's, in which there can be but one release. */}}
{{- define "voice.clusterRole" -}}
voice-quality-operator-{{ .Release.Namespace }}
{{- end }}

{{/* An image of ours: .root, and .image with its repository and digest. */}}
{{- define "voice.image" -}}
{{- $name := .image.repository -}}
{{- with .root.Values.image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{ if .image.digest }}{{ $name }}@{{ .image.digest }}{{ else }}{{ $name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* A URL that can be taken apart. Of one that cannot be, nothing is left: what is wrong with it stands in _checks.tpl, and a
template that ended before would keep that from being said. */}}
{{- define "voice.url" -}}
{{ regexFind "^https?://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?(/[A-Za-z0-9._/-]*)?$" . }}
{{- end }}

{{/* Host of portal.url without its port: what browsers ask for. */}}
{{- define "voice.portalHost" -}}
{{ regexReplaceAll ":[0-9]+$" (urlParse (include "voice.url" .Values.portal.url)).host "" }}
{{- end }}

{{/* Grafana's host as a certificate names it: no port, no brackets. */}}
{{- define "voice.grafanaHost" -}}
{{ regexReplaceAll ":[0-9]+$" (urlParse (include "voice.url" .Values.grafana.url)).host "" | trimAll "[]" }}
{{- end }}

{{- define "voice.grafanaPort" -}}
{{- $url := urlParse (include "voice.url" .Values.grafana.url) -}}
{{ regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{- define "voice.ipFamilies" -}}
{{- with .Values.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}
