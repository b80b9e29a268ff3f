{{/*
Names. A ScaledObject's HPA is called keda-hpa-NAME, and that name is also a label's value: 63 characters. What the
chart adds is at most "-worker-whisper" (15) and KEDA "keda-hpa-" (9), so 38 are left.
*/}}
{{- define "voicefleet.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name }}{{ $full = .Release.Name }}{{ end -}}
{{- .Values.fullnameOverride | default $full | replace "." "-" | trunc 38 | trimSuffix "-" -}}
{{- end }}

{{/* What never changes, so that it may select: {root, component, pool}. */}}
{{- define "voicefleet.selector" -}}
app.kubernetes.io/name: voicefleet
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .pool }}
voicefleet/pool: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of an object: {root, component, pool}. */}}
{{- define "voicefleet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: voicefleet
{{ include "voicefleet.selector" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* An image: {root, image}. A digest wins over a tag, and the tag is the program's version if none is given. */}}
{{- define "voicefleet.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "voicefleet.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "voicefleet.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "voicefleet.workerServiceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.workerName | default (printf "%s-worker" (include "voicefleet.fullname" .)) }}
{{- else -}}
{{ .Values.serviceAccount.workerName | default "default" }}
{{- end -}}
{{- end }}
