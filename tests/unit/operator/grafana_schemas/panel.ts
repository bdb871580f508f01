// A dashboard's JSON, in the types that Grafana publishes. One copy lies beside each release of @grafana/schema.
import type { Dashboard, DataQuery, FieldConfig, MatcherConfig, Panel } from '@grafana/schema';

// The words of an enumeration are plain text in JSON.
type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

// What is left out has Grafana's default.
type Some<T> = T extends unknown[] ? T : T extends object ? { [Key in keyof T]?: Some<T[Key]> } : T;

// What an override may set: a field, or a field of a field, by its dotted name and with its own type.
type Set<T, Before extends string> = {
  [Key in keyof T & string]-?: { id: `${Before}${Key}`; value: Json<T[Key]> };
}[keyof T & string];
type SetWithin<T, Before extends string> = {
  [Key in keyof T & string]-?: NonNullable<T[Key]> extends unknown[]
    ? never
    : NonNullable<T[Key]> extends object
      ? Set<NonNullable<T[Key]>, `${Before}${Key}.`>
      : never;
}[keyof T & string];
type Override<Custom> = Set<Omit<FieldConfig, 'custom'>, ''> | Set<Custom, 'custom.'> | SetWithin<Custom, 'custom.'>;

// Deprecated, and still in the types of tables.
type Deprecated = 'displayMode';

// In the editor of Grafana and in the foundation SDK, but in no @grafana/schema: findings/grafana-schema-span-nulls.sh.
type Unlisted<Kind> = Kind extends 'state-timeline' ? { spanNulls?: boolean | number } : {};

// Of a MySQL query nobody publishes more than what all queries have in common: the rest are our words, held by nothing.
interface MySQLQuery extends DataQuery {
  format: 'table' | 'time_series';
  editorMode: 'code';
  rawQuery: true;
  rawSql: string;
}

export type Frame = Json<Omit<Dashboard, 'panels'>>;

export type Checked<Kind extends string, Options, Custom> = CheckedPanel<
  Kind,
  Options,
  Omit<Custom, Deprecated> & Unlisted<Kind>
>;

type CheckedPanel<Kind, Options, Custom> = Json<Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'>> & {
  type: Kind;
  options: Json<Some<Options>>;
  targets: Json<MySQLQuery>[];
  fieldConfig: {
    defaults: Json<Omit<FieldConfig, 'custom'>> & { custom: Json<Some<Custom>> };
    overrides: { matcher: Json<MatcherConfig>; properties: Override<Custom>[] }[];
  };
};
