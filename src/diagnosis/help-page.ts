/** The page about a failure, of the version of this action that failed. */
import type { RunContext } from '../runner/run-context.js'
import { paragraph, type Block } from '../text/document.js'

const PAGE = 'docs/troubleshooting.md'
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/
/** A branch, tag or commit that means the same in a URL. */
const REF = /^(?!.*(\.\.|\/\/))[A-Za-z0-9][A-Za-z0-9._/-]{0,249}$/

/**
 * A link to a section of docs/troubleshooting.md, or the page's name if the workflow uses the
 * action from its own repository, or if repository or ref have a form that cannot be linked safely.
 */
export function helpPage(
  { actionRepository = '', actionRef = '' }: Pick<RunContext, 'actionRepository' | 'actionRef'>,
  anchor: string,
): Block {
  return REPOSITORY.test(actionRepository) && REF.test(actionRef)
    ? {
        kind: 'link',
        text: 'More',
        url: `https://github.com/${actionRepository}/blob/${actionRef}/${PAGE}#${anchor}`,
      }
    : paragraph([`More: \`${PAGE}\``])
}
