interface Common {
  /** The environment variable. */
  env: string;
  /** One or two sentences for help and documentation. */
  about: string;
}

/** A whole number within bounds, both inclusive. */
interface NumberSetting extends Common {
  type: 'integer';
  minimum: number;
  maximum: number;
  /** ms, bytes, pixels ... */
  unit?: string;
  /** Shown in place of the default if that depends on the machine. */
  defaultText?: string;
  default: number | undefined;
}
interface TextSetting extends Common {
  type: 'text';
  pattern?: RegExp;
  /** What `pattern` accepts, for the message "must be ...". */
  rule?: string;
  /** Never printed, and not accepted as a flag. */
  secret?: true;
  default: string | undefined;
}
interface ChoiceSetting extends Common {
  type: 'choice';
  choices: readonly string[];
  default: string;
}
interface ListSetting extends Common {
  type: 'list';
  /** Separates the entries; `path` is the separator that this platform uses in PATH. */
  separator: ',' | 'path';
  default: readonly string[] | undefined;
  defaultText?: string;
  /** Whether an entry is valid. */
  accepts?: (entry: string) => boolean;
  /** What a valid entry is, for messages; must be given with `accepts`. */
  rule?: string;
}
export type Setting = NumberSetting | TextSetting | ChoiceSetting | ListSetting;
